/** How the command line speaks: tables for people, JSON for scripts, errors with what to do, and exit codes. */
import { styleText } from 'node:util';
import { explain, toStored, WherryError } from '../model/errors.ts';

/**
 * 0 done; 1 the migration or request failed; 2 the command line is wrong; 3 no server answers; 4 not signed in or not
 * allowed; 5 a verified disk differs from its manifest; 6 a server runs there already; 130 interrupted. Documented in
 * `wherry --help`.
 */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  refused: 4,
  differs: 5,
  running: 6,
  interrupted: 130,
} as const;

export const exitCodesText = `
Exit codes: 0 done, 1 failed, 2 wrong command line, 3 no server answers, 4 not signed in or not allowed, 5 a verified disk
differs from its manifest, 6 a server runs there already, 130 interrupted.
Environment: WHERRY_HOME (data of a server, and where its unix socket is found), WHERRY_SERVER (URL of a server elsewhere),
WHERRY_TOKEN (API token for it), WHERRY_CA (PEM file to trust).`;

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

export type Column<T> = { readonly title: string; readonly of: (row: T) => string; readonly right?: boolean };

export function printTable<T>(rows: readonly T[], columns: readonly Column<T>[]): void {
  const cells = rows.map((row) => columns.map(({ of }) => plain(of(row))));
  const widths = columns.map(({ title }, at) => Math.max(title.length, ...cells.map((line) => line[at]?.length ?? 0)));
  const layOut = (line: readonly string[]): string =>
    line
      .map((text, at) => (columns[at]?.right === true ? text.padStart(widths[at] ?? 0) : text.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd();
  process.stdout.write(`${styleText('bold', layOut(columns.map(({ title }) => title)), { stream: process.stdout })}\n`);
  for (const line of cells) process.stdout.write(`${layOut(line)}\n`);
}

/** What failed, why, and what to do next, on standard error; as JSON on standard output for scripts. */
export function printError(error: unknown, asJson: boolean): void {
  const stored = toStored(error);
  const { message, causes, next } = explain(stored);
  if (asJson) return printJson({ error: { code: stored.code, params: stored.params, message, causes, next } });
  say(`${styleText('red', 'error', { stream: process.stderr })} ${plain(message)} [${stored.code}]`);
  for (const cause of causes) say(`      ${plain(cause)}`);
  say(`      → ${plain(next)}`);
  if (process.env['WHERRY_LOG_LEVEL'] === 'debug' && error instanceof Error) say(error.stack ?? '');
}

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof WherryError)) return exitCodes.failed;
  if (error.code === 'client.unreachable') return exitCodes.unreachable;
  if (error.code === 'server.already_running') return exitCodes.running;
  if (error.code === 'server.config' || error.code === 'client.usage') return exitCodes.usage;
  return error.code.startsWith('auth.') ? exitCodes.refused : exitCodes.failed;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Names come from outside: control characters would let them write anywhere on the terminal. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, (character) => (character === '\n' || character === '\t' ? ' ' : '·'));
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

export function shownBytes(bytes: number): string {
  const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  const value = bytes / 1024 ** step;
  return `${value >= 100 || step === 0 ? Math.round(value) : value.toFixed(1)} ${units[step]}`;
}

export function shownFraction(fraction: number | null): string {
  return fraction === null ? '' : `${Math.floor(fraction * 100)} %`;
}

export function shownTime(iso: string | null): string {
  return iso === null ? '' : new Date(iso).toLocaleString('sv-SE');
}
