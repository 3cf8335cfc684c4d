import { join } from 'node:path';

/** The command of Wherry's contestant; see contestant.ts. */
export function own(...args: readonly string[]): [string, ...string[]] {
  return [process.execPath, join(import.meta.dirname, 'contestant.ts'), ...args];
}
