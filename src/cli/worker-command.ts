/** `wherry worker`: on this machine beside a server (started by it), or elsewhere with a token of its own. */
import { isAbsolute, join } from 'node:path';
import type { Command } from 'commander';
import { defaultHome } from '../defaults.ts';
import { homeAt } from '../home.ts';
import { WherryError } from '../model/errors.ts';
import { version } from '../version.ts';
import { run } from './command.ts';

type Flags = {
  readonly home?: string;
  readonly server?: string;
  readonly ca?: string;
  readonly tokenFile?: string;
  readonly capacity: string;
  readonly directories?: string;
  readonly builtIn?: boolean;
};

type ServerAddress =
  | { readonly socketPath: string }
  | { readonly url: string; readonly tokenFile: string; readonly caFile?: string };

/** Runs a worker until `signal` aborts; main.ts hands in the real one. */
export type RunWorker = (
  options: {
    readonly server: ServerAddress;
    readonly home: string;
    readonly version: string;
    readonly capacity: number;
    readonly orphanAfterMs?: number;
    log(level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>): void;
  },
  signal: AbortSignal,
) => Promise<void>;

/** Nobody may ever come back for a worker whose server is gone for good. */
const orphanAfterMs = 15 * 60_000;

export function addWorkerCommand(program: Command, runWorker: RunWorker): void {
  program
    .command('worker')
    .description('run a worker: it does everything that touches the outside')
    .option('--home <directory>', 'where its identity and work are (WHERRY_HOME)')
    .option('--server <url>', 'https://… of the server; without it the unix socket of the server on this machine')
    .option('--ca <file>', 'PEM file that proves the server’s certificate, when the system’s do not')
    .option('--token-file <file>', 'file with the worker’s token (wherry token create NAME --worker)')
    .option('--capacity <count>', 'VM migrations at once', '4')
    .option(
      '--directories <list>',
      'directories that operators may name, separated by commas (WHERRY_DIRECTORIES); administrators may name any',
    )
    .option('--built-in', 'started by a server on this machine')
    .action((flags: Flags) => run({}, () => work(flags, runWorker)));
}

async function work(flags: Flags, runWorker: RunWorker): Promise<void> {
  const home = flags.home ?? (process.env['WHERRY_HOME'] || defaultHome());
  const directories = flags.directories ?? process.env['WHERRY_DIRECTORIES'];
  const wrong = (directories ?? '').split(',').find((each) => each.trim() !== '' && !isAbsolute(each.trim()));
  if (wrong !== undefined)
    throw new WherryError('client.usage', { problem: `--directories: ${wrong} is no absolute path` });
  // Its children have it from here, where paths are looked at (worker/directories.ts).
  if (directories !== undefined) process.env['WHERRY_DIRECTORIES'] = directories;
  const { pino } = await import('pino'); // no other command has use for it
  const log = pino({ base: { role: 'worker' } }, pino.destination(2));
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());
  await runWorker(
    {
      server: addressOf(flags, home),
      home: join(home, 'worker'),
      version,
      capacity: Number.parseInt(flags.capacity, 10),
      ...(flags.builtIn === true ? { orphanAfterMs } : {}),
      log: (level, message, fields) => log[level](fields ?? {}, message),
    },
    stopping.signal,
  ).catch((error: unknown) => {
    if (!stopping.signal.aborted) throw error;
  });
}

function addressOf(flags: Flags, home: string): ServerAddress {
  if (flags.server === undefined) return { socketPath: homeAt(home).serverSocket };
  const tokenFile = flags.tokenFile ?? join(home, 'worker-token');
  return { url: flags.server, tokenFile, ...(flags.ca === undefined ? {} : { caFile: flags.ca }) };
}
