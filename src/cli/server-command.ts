/** `wherry server` */
import { type Command, Option } from 'commander';
import type { Config, ConfigFlags } from '../config.ts';
import { defaultPort } from '../defaults.ts';
import { homeAt } from '../home.ts';
import { whenUnshared } from '../process/lock.ts';
import { run } from './command.ts';

/** What this command needs to know of a server; main.ts hands it the real one. */
export type StartServer = (config: Config) => Promise<{
  /** "http://127.0.0.1:7117"; null when it listens on the unix socket only. */
  readonly address: string | null;
  readonly socketPath: string;
  /** To be shown to whoever started the server; null when there is an account. */
  readonly setupToken: string | null;
  /** Resolves when the server cannot go on; then close it. */
  readonly failed: Promise<Error>;
  close(): Promise<void>;
}>;

/** The word by which a server that commands have started for themselves is known. */
export const untilUnused = '--until-unused';

type Flags = ConfigFlags & { readonly untilUnused?: boolean };

export function addServerCommand(program: Command, startServer: StartServer): void {
  program
    .command('server')
    .description('run the server: API, console, scheduler and records, with a worker beside it')
    .option('--home <directory>', 'where all its data is (WHERRY_HOME)')
    .option('--listen <address:port>', `where to listen, or none (WHERRY_LISTEN; 127.0.0.1:${defaultPort})`)
    .option('--tls-cert <file>', 'certificate with its chain, PEM (WHERRY_TLS_CERT)')
    .option('--tls-key <file>', 'its key, PEM (WHERRY_TLS_KEY)')
    .option('--database-url <url>', 'a PostgreSQL of your own; better in WHERRY_DATABASE_URL, where nobody reads it')
    .option('--lease-ms <ms>', 'how long a worker may be silent (WHERRY_LEASE_MS; 60000)')
    .option('--log-level <level>', 'debug, info, warn, error, silent (WHERRY_LOG_LEVEL; info)')
    .option('--no-worker', 'do not run a worker on this machine')
    .addOption(new Option(untilUnused, 'stop when no command uses it any more').hideHelp())
    .action((flags: Flags) => run({}, () => serve(flags, startServer)));
}

async function serve(flags: Flags, startServer: StartServer): Promise<void> {
  const { readConfig } = await import('../config.ts'); // no other command has use for its schema
  const config = readConfig(flags);
  const asked = Promise.withResolvers<'asked'>();
  const stop = (): void => asked.resolve('asked');
  // From the first moment on: a stop while it starts is a stop as well.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  asked.promise.catch(() => undefined); // thrown below, once it runs
  if (flags.untilUnused === true) void whenUnshared(homeAt(config.home).users).then(stop, asked.reject);
  const server = await startServer(config);
  try {
    const { address, setupToken, socketPath } = server;
    process.stdout.write(`Wherry listens on ${address ?? socketPath}\n`);
    if (setupToken !== null) {
      process.stdout.write(`There is no administrator yet. Set-up token: ${setupToken}\n`);
    }
    const why = await Promise.race([asked.promise, server.failed]);
    if (why !== 'asked') throw why;
  } finally {
    await server.close();
  }
}
