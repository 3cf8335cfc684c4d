/** What belongs to a server beside its base: the engine with its routes, and the built-in worker. */
import { join } from 'node:path';
import type { MakePart, ServerPart } from './http/server.ts';
import { limitRoutes } from './http/limit-routes.ts';
import { inventoryRoutes } from './http/inventory-routes.ts';
import { migrationRoutes } from './http/migration-routes.ts';
import { providerInventoryRoutes } from './http/provider-inventory-routes.ts';
import { providerRoutes } from './http/provider-routes.ts';
import { uploadRoutes } from './http/upload-routes.ts';
import { watchRoutes } from './http/watch-routes.ts';
import { workerRoutes } from './http/worker-routes.ts';
import { createRuleBook } from './concerns/rule-book.ts';
import { startInventory } from './inventory/inventory.ts';
import { startJudge } from './inventory/judge.ts';
import { startSweep } from './inventory/sweep.ts';
import { startEngine } from './migration/engine.ts';
import { lastHeard } from './migration/worker-watch-store.ts';
import { keepWorker, type BuiltInWorker, workerEnvironment } from './worker/built-in.ts';

/** A heartbeat each sixth of the lease, so that one or two lost ones cost nothing. */
const heartbeatsPerLease = 6;
/** A watch moves to another worker after so much silence: it costs a read from the beginning. */
const silentLeases = 3;

const enginePart: MakePart = async ({ db, vault, hub, config, home, log }): Promise<ServerPart> => {
  const engine = await startEngine({
    db,
    vault,
    leaseMs: config.leaseMs,
    heartbeatMs: Math.round(config.leaseMs / heartbeatsPerLease),
    onError: (error) => log.error({ err: error }, 'the engine’s clock'),
  });
  // One book: what comes is judged by the rules that searches and the judge know.
  const rules = createRuleBook(home.rules);
  const inventory = startInventory({
    db,
    vault,
    rules: () => rules.current(),
    publish: (id) => hub.publish({ kind: 'provider', id }),
    moveAfterMs: config.leaseMs * silentLeases,
    onError: (error) => log.error({ err: error }, 'the inventory’s clock'),
  });
  const judge = startJudge({
    db,
    rules,
    onProblem: (text) => log.warn(text),
    onError: (error) => log.error({ err: error }, 'the clock of the concerns'),
  });
  const sweep = startSweep(db, (error) => log.warn({ err: error }, 'lists of words that no VM has could not be swept'));
  return {
    routes: [
      migrationRoutes(engine),
      limitRoutes(engine),
      workerRoutes(engine),
      watchRoutes(inventory),
      providerRoutes(engine, inventory),
      providerInventoryRoutes(engine, inventory),
      uploadRoutes(engine, inventory),
      inventoryRoutes(rules),
    ],
    stop: async () => {
      await sweep.stop();
      await judge.stop();
      await inventory.stop();
      await engine.stop();
    },
  };
};

const workerPart: MakePart = async ({ db, config, home, log }): Promise<ServerPart> => {
  let worker: BuiltInWorker | undefined;
  return {
    start: async () => {
      if (!config.worker) return;
      worker = await keepWorker({
        home: join(home.directory, 'worker'),
        logFile: join(home.directory, 'worker.log'),
        environment: { ...workerEnvironment(process.env), WHERRY_HOME: home.directory },
        silentMs: config.leaseMs,
        heard: (workerId) => lastHeard(db, workerId),
        log: (level, message) => log[level](message),
      });
    },
    // Before the server stops to answer: its steps are given back, not lost.
    leave: async () => worker?.stop(),
    stop: async () => worker?.stop(),
  };
};

export const serverParts: readonly MakePart[] = [enginePart, workerPart];
