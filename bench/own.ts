import { join } from 'node:path';

/** The command of Wherry's contestant, with the memory of a process that runs steps (worker/child-process.ts); see contestant.ts. */
export function own(...args: readonly string[]): [string, ...string[]] {
  return [
    'env',
    'GLIBC_TUNABLES=glibc.malloc.hugetlb=1',
    process.execPath,
    join(import.meta.dirname, 'contestant.ts'),
    ...args,
  ];
}
