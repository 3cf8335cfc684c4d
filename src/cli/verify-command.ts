/**
 * `wherry verify`: proves disks against their manifest, on the machine where they are, reading all of them. With the
 * manifest in a file it needs no server. Several disks are read side by side.
 */
import { hostname } from 'node:os';
import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { WherryError } from '../model/errors.ts';
import { clientFor, type CommonFlags, run, withCommonFlags } from './command.ts';
import { exitCodes, plain, printError, printJson, shownBytes } from './output.ts';
import { disksAsked, disksOfMigration, type DiskAsked } from './verify-request.ts';

/** What is known of a disk from its manifest. */
export type ManifestDisk = {
  readonly disk: string;
  readonly name: string;
  readonly vm: string;
  readonly sizeBytes: number;
};
export type Checked = {
  readonly differences: ReadonlyArray<{ offset: number; length: number; expected: string; found: string }>;
  readonly more: boolean;
  readonly unknown: ReadonlyArray<{ offset: number; length: number }>;
  readonly bytesProved: number;
};
/** A manifest that was read; main.ts hands in the real reader. */
export type OpenManifest = (lines: Iterable<string>) => Promise<{
  readonly disks: readonly ManifestDisk[];
  check(
    asked: { readonly disk: string; readonly path: string; readonly format: 'raw' | 'qcow2' },
    onProgress: (bytesDone: number, bytesTotal: number) => void,
    signal: AbortSignal,
  ): Promise<Checked>;
}>;

type Flags = CommonFlags & {
  readonly disk: readonly string[];
  readonly format?: 'raw' | 'qcow2';
  readonly migration?: string;
  readonly quiet?: boolean;
};
type Opened = Awaited<ReturnType<OpenManifest>>;
type Task = DiskAsked & { readonly manifest: Opened };
type Verdict = { readonly disk: string; readonly path: string; readonly checked: Checked };

const collect = (value: string, before: readonly string[]): string[] => [...before, value];
/** Disks read at once: each has its own queue, and all share the cores. */
const atOnce = 4;
const drawMs = 500;

export function addVerifyCommand(program: Command, openManifest: OpenManifest): void {
  withCommonFlags(
    program
      .command('verify [manifest]')
      .description('prove disks on this machine against their manifest, reading all of them')
      .option('--disk <id=path>', 'a disk of the manifest (its id or name) and its image; again for each', collect, [])
      .addOption(
        new Option('--format <format>', 'of the images, where their names do not say').choices(['raw', 'qcow2']),
      )
      .option('--migration <id>', 'instead of a manifest: all disks of a migration, or of one VM of it')
      .option('--quiet', 'no progress')
      .addHelpText('after', '\nExit codes: 0 every byte is right, 5 something differs, 1 a disk could not be checked.'),
  ).action((manifest: string | undefined, flags: Flags) =>
    run(flags, async () => {
      if ((manifest === undefined) === (flags.migration === undefined)) {
        throw new WherryError('client.usage', { problem: 'name either a manifest or --migration' });
      }
      const tasks =
        flags.migration === undefined
          ? await tasksOfFile(manifest ?? '', flags, openManifest)
          : await tasksOfMigration(flags.migration, flags, openManifest);
      process.exitCode = await check(tasks, flags);
    }),
  );
}

async function tasksOfFile(path: string, flags: Flags, openManifest: OpenManifest): Promise<Task[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new WherryError('transfer.disk_unreadable', { path }, error);
  });
  const manifest = await openManifest(text.split('\n'));
  return disksAsked(manifest.disks, flags.disk, flags.format).map((asked) => ({ ...asked, manifest }));
}

async function tasksOfMigration(id: string, flags: Flags, openManifest: OpenManifest): Promise<Task[]> {
  const client = clientFor(flags);
  const tasks: Task[] = [];
  for (const { vmMigrationId, disks } of await disksOfMigration(client, id)) {
    const text = await client.text(`/vm-migrations/${vmMigrationId}/manifest`, { timeoutMs: 600_000 });
    const manifest = await openManifest(text.split('\n'));
    tasks.push(...disks.map((asked) => ({ ...asked, manifest })));
  }
  return tasks;
}

async function check(tasks: readonly Task[], flags: Flags): Promise<number> {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort(new Error('interrupted')));
  const progress = progressLine(tasks.length, flags);
  const verdicts: (Verdict | { readonly error: unknown; readonly disk: string })[] = [];
  const left = [...tasks.entries()];
  const one = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [index, { disk, path, format, manifest }] = next;
      try {
        const onProgress = (done: number, total: number): void => progress.tell(index, done, total);
        const checked = await manifest.check({ disk, path, format }, onProgress, stop.signal);
        verdicts[index] = { disk, path, checked };
      } catch (error) {
        verdicts[index] = { disk, error };
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  progress.end();
  const proved = verdicts.filter((verdict) => 'checked' in verdict);
  if (flags.json === true) printJson(proved);
  else for (const verdict of proved) process.stdout.write(shownVerdict(verdict));
  for (const verdict of verdicts) if ('error' in verdict) printError(verdict.error, false);
  if (stop.signal.aborted) return exitCodes.interrupted;
  if (proved.some(({ checked }) => checked.differences.length > 0)) return exitCodes.differs;
  return proved.length < verdicts.length ? exitCodes.failed : exitCodes.done;
}

function shownVerdict({ disk, path, checked }: Verdict): string {
  const { differences, more, unknown, bytesProved } = checked;
  const where = plain(`${disk}: ${path}`);
  const silent = unknown.map(({ offset, length }) => `  nothing is known of ${length} bytes at offset ${offset}\n`);
  if (differences.length === 0) return `${where}: right (${shownBytes(bytesProved)})\n${silent.join('')}`;
  const lines = differences.map(
    ({ offset, length, expected, found }) =>
      `  ${length} bytes at offset ${offset}: SHA-256 is ${found}, the manifest says ${expected}\n`,
  );
  return `${where}: DIFFERS\n${lines.join('')}${more ? '  and more; the rest was not read\n' : ''}`;
}

function progressLine(count: number, flags: Flags) {
  const shown = process.stderr.isTTY && flags.quiet !== true && flags.json !== true;
  const parts: { done: number; total: number }[] = Array.from({ length: count }, () => ({ done: 0, total: 0 }));
  const begun = performance.now();
  let drawnAt = 0;
  return {
    tell: (index: number, done: number, total: number): void => {
      parts[index] = { done, total };
      if (!shown || performance.now() - drawnAt < drawMs) return;
      drawnAt = performance.now();
      const read = parts.reduce((all, part) => all + part.done, 0);
      const rate = shownBytes((read * 1000) / (drawnAt - begun));
      const shares = parts.map((part) => (part.total === 0 ? '…' : `${Math.floor((part.done * 100) / part.total)} %`));
      process.stderr.write(`\r\x1b[2K${shares.join('  ')}  ${rate}/s (on ${hostname()})`);
    },
    end: (): void => void (shown && process.stderr.write('\r\x1b[2K')),
  };
}
