/** What belongs to a server beside its base: the engine with its routes, and the built-in worker. */
import { join } from 'node:path';
import type { MakePart, ServerPart } from './http/server.ts';
import { migrationRoutes } from './http/migration-routes.ts';
import { workerRoutes } from './http/worker-routes.ts';
import { startEngine } from './migration/engine.ts';
import { keepWorker, type BuiltInWorker } from './worker/built-in.ts';

/** A heartbeat each sixth of the lease, so that one or two lost ones cost nothing. */
const heartbeatsPerLease = 6;

const enginePart: MakePart = async ({ db, vault, config, log }): Promise<ServerPart> => {
  const engine = await startEngine({
    db,
    vault,
    leaseMs: config.leaseMs,
    heartbeatMs: Math.round(config.leaseMs / heartbeatsPerLease),
    onError: (error) => log.error({ err: error }, 'the engine’s clock'),
  });
  return { routes: [migrationRoutes(engine), workerRoutes(engine)], stop: () => engine.stop() };
};

const workerPart: MakePart = async ({ config, home, log }): Promise<ServerPart> => {
  let worker: BuiltInWorker | undefined;
  return {
    start: async () => {
      if (!config.worker) return;
      worker = await keepWorker({
        home: join(home.directory, 'worker'),
        logFile: join(home.directory, 'worker.log'),
        environment: { ...process.env, WHERRY_HOME: home.directory },
        log: (level, message) => log[level](message),
      });
    },
    stop: async () => worker?.stop(),
  };
};

export const serverParts: readonly MakePart[] = [enginePart, workerPart];
