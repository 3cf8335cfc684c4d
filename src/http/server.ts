/** One server: its lock, its database, its application, its listeners, and what runs beside it. Started and ended in order. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { type Config, shownConfig } from '../config.ts';
import { startCluster } from '../db/cluster.ts';
import { type Db, openDb } from '../db/db.ts';
import { lockHome } from '../db/lock.ts';
import { migrate } from '../db/migrate.ts';
import { type Home, homeAt, prepareHome, removeSocketDirectory } from '../home.ts';
import { ensureInstallation } from '../db/installation-store.ts';
import { openVault, type Vault } from '../db/vault-store.ts';
import { WherryError } from '../model/errors.ts';
import { version } from '../version.ts';
import { createApp } from './app.ts';
import { ensureSetupToken } from './auth/setup-store.ts';
import { type EventHub, startHub } from './event-hub.ts';
import { createLog } from './log.ts';
import { isLocalSocket, startListeners } from './listeners.ts';
import type { Routes } from './routes.ts';

export type RunningServer = {
  /** "http://127.0.0.1:7117"; null when it listens on the unix socket only. */
  readonly address: string | null;
  readonly socketPath: string;
  /** To be shown to whoever started the server; null when there is an account. */
  readonly setupToken: string | null;
  readonly home: Home;
  readonly db: Db;
  /** Resolves when the server cannot go on (its database ended); then close it. */
  readonly failed: Promise<Error>;
  close(): Promise<void>;
};

export type PartContext = {
  readonly db: Db;
  readonly vault: Vault;
  readonly hub: EventHub;
  readonly config: Config;
  readonly home: Home;
  readonly log: Logger;
  readonly stopping: AbortSignal;
};

/** Something that belongs to a server: routes, work in the background, a worker beside it. */
export type ServerPart = {
  readonly routes?: readonly Routes[];
  /** Called in order, once the server listens. */
  start?(running: Pick<RunningServer, 'address' | 'socketPath' | 'home'>): Promise<void>;
  /** Called first of all, while the server still answers: those who talk to it say goodbye. */
  leave?(): Promise<void>;
  /** Called in reverse order, before connections are closed; also when starting failed. */
  stop?(): Promise<void>;
};
/** Called in order, with the database ready and before anything listens. */
export type MakePart = (context: PartContext) => Promise<ServerPart>;

const consoleDirectory = fileURLToPath(new URL('../../ui/dist', import.meta.url));

/** @throws server.already_running, server.postgres_…, server.database_…, server.tls_required, server.listen */
export async function startServer(config: Config, makers: readonly MakePart[] = []): Promise<RunningServer> {
  const log = createLog(config.logLevel);
  const home = homeAt(config.home);
  const stopping = new AbortController();
  const undo = new AsyncDisposableStack();
  const failed = Promise.withResolvers<Error>();
  try {
    log.info({ version, node: process.version, config: shownConfig(config) }, 'starting');
    await prepareHome(home);
    undo.defer(() => removeSocketDirectory(join(home.directory, 'run')));
    const lock = lockHome(home.lock, home.directory);
    undo.defer(() => lock.release());
    const db = await openDatabase(config, home, log, undo, failed.resolve);
    const hub = await startHub(db);
    await ensureInstallation(db);
    const vault = await openVault(db, home.secretsKey);
    const parts: ServerPart[] = [];
    for (const make of makers) {
      const part = await make({ db, vault, hub, config, home, log, stopping: stopping.signal });
      parts.push(part);
      undo.defer(async () => part.stop?.());
    }
    const { app } = await createApp({
      db,
      hub,
      routes: parts.flatMap(({ routes }) => routes ?? []),
      isLocal: ({ socket }) => isLocalSocket(socket),
      setupTokenFile: home.setupToken,
      stopping: stopping.signal,
      logger: log,
      consoleDirectory,
    });
    undo.defer(() => app.close());
    const setupToken = await ensureSetupToken(db, home.setupToken);
    const listeners = await startListeners((request, reply) => app.routing(request, reply), home.serverSocket, config);
    undo.defer(() => listeners.close());
    const { address, socketPath } = listeners;
    for (const part of parts) await part.start?.({ address, socketPath, home });
    log.info({ address, socketPath }, 'ready');
    let closing: Promise<void> | undefined;
    const end = async (): Promise<void> => {
      for (const part of parts.toReversed()) {
        await part
          .leave?.()
          .catch((error: unknown) => log.warn({ err: error }, 'a part of the server did not end well'));
      }
      stopping.abort(); // long polls and streams answer now
      await undo.disposeAsync();
      log.info('stopped');
    };
    const close = (): Promise<void> => (closing ??= end());
    return { address, socketPath, setupToken, home, db, failed: failed.promise, close };
  } catch (error) {
    stopping.abort();
    await undo.disposeAsync();
    throw error;
  }
}

async function openDatabase(
  config: Config,
  home: Home,
  log: Logger,
  undo: AsyncDisposableStack,
  onFailed: (error: Error) => void,
): Promise<Db> {
  const onError = (error: Error): void => log.warn({ err: error }, 'a connection to the database broke');
  let connection: Parameters<typeof openDb>[0]['connection'];
  if (config.databaseUrl === null) {
    const cluster = await startCluster({ directory: home.postgres, onLog: (line) => logPostgres(log, line) });
    undo.defer(() => cluster.stop());
    void cluster.ended.then(() => onFailed(new WherryError('server.postgres_failed', { directory: home.postgres })));
    connection = cluster.connection;
  } else {
    connection = { connectionString: config.databaseUrl };
  }
  const db = openDb({ connection, onError });
  undo.defer(() => db.close());
  try {
    const applied = await migrate(db.pool);
    if (applied.length > 0) log.info({ applied }, 'the database was brought up to date');
  } catch (error) {
    if (error instanceof WherryError || config.databaseUrl === null) throw error;
    throw new WherryError('server.database_unreachable', {}, error);
  }
  return db;
}

function logPostgres(log: Logger, line: string): void {
  const isBad = /\b(WARNING|ERROR|FATAL|PANIC):/.test(line) && !line.includes('is starting up');
  log[isBad ? 'warn' : 'debug']({ postgres: line }, 'postgres');
}
