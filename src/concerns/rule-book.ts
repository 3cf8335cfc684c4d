/** The rules in force: the product's, and the user's file, which is read again when it changes. */
import { readFile, stat } from 'node:fs/promises';
import { WherryError } from '../model/errors.ts';
import { type OwnRules, parseOwnRules } from './own-rules.ts';
import { productRules, type RuleSet, ruleSet } from './rules.ts';

export type RuleBook = {
  /** Where own rules are looked for. */
  readonly file: string;
  current(): RuleSet;
  /** What of the file is not taken. */
  problems(): readonly WherryError[];
  /** Looks at the file. @returns whether the rules, or what is wrong with them, changed */
  refresh(): Promise<boolean>;
};

const mostBytes = 1_048_576;

/** The product's rules are in force from the start; `refresh` is called by whoever keeps the time. */
export function createRuleBook(file: string): RuleBook {
  let seen = '';
  let own: OwnRules = { rules: [], problems: [] };
  let rules = productRules;
  return {
    file,
    current: () => rules,
    problems: () => own.problems,
    refresh: async () => {
      const now = await stampOf(file);
      if (now === seen) return false;
      own = now === '' ? { rules: [], problems: [] } : await readOwn(file);
      rules = own.rules.length === 0 ? productRules : ruleSet([...productRules.rules, ...own.rules]);
      seen = now;
      return true;
    },
  };
}

/** Changes with the file; empty when there is none. */
async function stampOf(file: string): Promise<string> {
  try {
    const { ino, size, mtimeNs } = await stat(file, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    return String(error);
  }
}

async function readOwn(file: string): Promise<OwnRules> {
  try {
    const { size } = await stat(file);
    if (size > mostBytes) throw new Error(`it is larger than ${mostBytes} bytes`);
    return parseOwnRules(await readFile(file, 'utf8'), file);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { rules: [], problems: [new WherryError('rules.file_wrong', { path: file, problem })] };
  }
}
