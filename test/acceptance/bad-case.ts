/** One case of bad input through the whole product: what must be said, and that nothing is left and nothing was touched. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { explain, type ErrorCode, type StoredError } from '../../src/model/errors.ts';
import type { MigrationPage, MigrationView, ShownError, VmMigrationDetail } from '../../src/migration/api.ts';
import { type Product, wherry } from './product.ts';
import type { Report } from './scenario.ts';

export type BadCase = {
  readonly name: string;
  /** Words after `wherry import`. */
  readonly words: readonly string[];
  readonly code: ErrorCode;
  /** What the message must name: VM, disk, path, host, as far as each is known. */
  readonly names: readonly string[];
  /** Where a tool or the system refused: its own words. Absent: nobody but us said anything. */
  readonly cause?: RegExp;
  /** What to do next. */
  readonly next: RegExp;
  /** Files that must be as before. */
  readonly sources?: readonly string[];
  /** Directories that must be as before: names, sizes, modes, content. */
  readonly targets: readonly string[];
  /** What else must be as before, as text. */
  readonly look?: () => Promise<string>;
  /** What the migration must have looked like. */
  readonly more?: (detail: VmMigrationDetail) => Readonly<Record<string, boolean>>;
  /** It uses up what other cases need: runs by itself. */
  readonly alone?: boolean;
  /** It takes long, so it runs once, as a person would: the name of its VM, by which the API is asked for the same. */
  readonly once?: string;
};

export type Control = { readonly name: string; readonly words: readonly string[]; readonly alone?: boolean };

type Ran = { readonly code: number | null; readonly out: string; readonly err: string };

/** A secret that bad input points to; `seen` collects everything that people and logs get to read. */
export type Secret = { readonly marker: string; readonly seen: string[] };

/** Runs the case twice, as a person and as a script would, and checks all that every case must hold. */
export async function checkRefused(report: Report, product: Product, bad: BadCase, secret: Secret): Promise<void> {
  const holds = (what: string, fact: boolean, detail?: string): void => {
    if (!fact) throw new Error(`${bad.name}: ${what}: does not hold (${detail ?? ''})`);
  };
  const before = await everything(bad);
  const script = bad.once === undefined ? await wherryImport(product, [...bad.words, '--json']) : null;
  const person = await wherryImport(product, bad.words);
  if (script !== null) holds('exit code 1 with --json', script.code === 1, String(script.code));
  const view = script === null ? await viewOf(product, bad) : parseView(script, bad.name);
  const [vm] = view.vmMigrations;
  const error = vm?.error ?? null;
  holds('the failed migration is given with its error', view.state === 'failed' && error !== null, view.state);
  if (error === null) return;
  checkError(holds, bad, error);

  const said = `${person.out}${person.err}`;
  const flat = said.replaceAll(/\s+/g, ' ');
  const inWords = (text: string): boolean => flat.includes(text.replaceAll(/\s+/g, ' ').trim());
  holds('exit code 1 for a person', person.code === 1, `${person.code} ${said}`);
  const stable = sameWords(error);
  holds('a person reads the code', said.includes(`[${bad.code}]`), said);
  for (const text of stable) holds(`a person reads “${text}”`, inWords(text), said);
  holds('no stack, no JSON', !/\n\s+at |node:internal|^\s*[{[]/m.test(said), said);

  const detail = await product.client.get<VmMigrationDetail>(`/vm-migrations/${vm?.id}`);
  const log = await product.client.text(`/vm-migrations/${detail.id}/log.txt`);
  secret.seen.push(script?.out ?? '', script?.err ?? '', said, JSON.stringify(detail), log);
  checkUndone(holds, detail);
  for (const [what, fact] of Object.entries(bad.more?.(detail) ?? {})) holds(what, fact, JSON.stringify(detail.steps));
  const after = await everything(bad);
  holds('source and target are exactly as before', before === after, `before:\n${before}\nafter:\n${after}`);
  report.check(`${bad.name}: ${bad.code}`, true);
  report.note(error.message);
}

type Holds = (what: string, fact: boolean, detail?: string) => void;

function checkError(holds: Holds, bad: BadCase, error: ShownError): void {
  const all = JSON.stringify(error, null, 1);
  holds('the code is right', error.code === bad.code, all);
  for (const name of bad.names) holds(`the message names ${name}`, error.message.includes(name), error.message);
  const unfilled = /\{\w+\}|\[|undefined|\[object/;
  holds('every parameter is filled in', !unfilled.test(error.message + error.next), all);
  holds('next says what to do', error.next.length > 20 && bad.next.test(error.next), error.next);
  const { cause } = bad;
  if (cause === undefined) holds('nobody else said anything', error.causes.length === 0, all);
  else
    holds(
      `the cause is in the words of what refused`,
      error.causes.some((text) => cause.test(text)),
      all,
    );
  const stored = { code: bad.code, params: error.params, causes: error.causes } satisfies StoredError;
  holds('the text comes from code and parameters alone', explain(stored).message === error.message, all);
}

/** Sentences that are the same in two runs: ids of a run (target copies, temporary files) are left out. */
function sameWords(error: ShownError): string[] {
  const parts = [error.message, error.next, ...error.causes].flatMap((text) =>
    text.split(/[\w./-]*[0-9a-f]{8}-[0-9a-f]{4}-[\w./-]*|\/?\S*\/nbd-[0-9a-f]+\.sock|offset \d+|byte \d+/),
  );
  return parts.map((part) => part.trim()).filter((part) => part.length > 3);
}

function checkUndone(holds: Holds, detail: VmMigrationDetail): void {
  const open = detail.ledger.filter(({ state }) => state !== 'removed');
  holds('every ledger row is removed', open.length === 0, JSON.stringify(open));
  holds('there are ledger rows', detail.ledger.length > 0);
  const paths = detail.ledger.flatMap(({ ref }) => pathOf(ref));
  holds('what the ledger names is gone', paths.length > 0 && !paths.some((path) => existsSync(path)), paths.join());
  holds('nothing is left behind', detail.leftBehind.length === 0 && detail.undoError === null);
}

function pathOf(ref: unknown): string[] {
  return typeof ref === 'object' && ref !== null && 'path' in ref ? [String(ref.path)] : [];
}

/** The control: the same thing made right succeeds. */
export async function checkSucceeds(report: Report, product: Product, control: Control, secret: Secret): Promise<void> {
  const ran = await wherryImport(product, [...control.words, '--json']);
  secret.seen.push(ran.out, ran.err);
  const view = parseView(ran, control.name);
  const error = JSON.stringify(view.vmMigrations[0]?.error);
  report.check(`(control) ${control.name}`, ran.code === 0 && view.state === 'succeeded', `${ran.code} ${error}`);
}

/** The command as a user runs it, without a terminal. */
export async function wherryImport(product: Product, words: readonly string[]): Promise<Ran> {
  const { home } = product;
  const child = spawn(wherry, ['import', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], LANG: 'C.UTF-8', WHERRY_HOME: home, NO_COLOR: '1' },
    timeout: 600_000,
  });
  const texts = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (texts.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (texts.err += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { code, ...texts };
}

async function viewOf(product: Product, { name, once }: BadCase): Promise<MigrationView> {
  const { items } = await product.client.get<MigrationPage>('/migrations');
  const failed = items.find(({ errors }) => errors.some(({ vmName }) => vmName === once));
  if (failed === undefined) throw new Error(`${name}: no migration of VM ${once} has failed`);
  return product.client.get<MigrationView>(`/migrations/${failed.id}`);
}

function parseView(ran: Ran, name: string): MigrationView {
  try {
    return JSON.parse(ran.out) as MigrationView;
  } catch {
    throw new Error(`${name}: --json printed no JSON: ${ran.out}${ran.err}`);
  }
}

async function everything({ sources = [], targets, look }: BadCase): Promise<string> {
  const files = await Promise.all(sources.map(async (path) => `${path} ${await digestOf(path)}`));
  const trees = await Promise.all(targets.map((path) => treeOf(path)));
  return [...files, ...trees.flat(), (await look?.()) ?? ''].join('\n');
}

async function treeOf(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true }).catch((error: unknown) => [String(error)]);
  const lines = await Promise.all(
    entries.sort().map(async (name) => {
      const stats = await lstat(join(path, name)).catch(() => null);
      const content = stats?.isFile() === true ? await digestOf(join(path, name)) : '';
      return `${path}/${name} ${stats?.mode} ${stats?.uid} ${stats?.size} ${content}`;
    }),
  );
  return [`${path}/`, ...lines];
}

async function digestOf(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
