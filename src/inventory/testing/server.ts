/** For tests: a server with providers on a database of its own, and a worker that a test speaks for. */
import { openTestVault } from '../../db/testing.ts';
import type { Db } from '../../db/db.ts';
import { migrationRoutes } from '../../http/migration-routes.ts';
import { providerInventoryRoutes } from '../../http/provider-inventory-routes.ts';
import { providerRoutes } from '../../http/provider-routes.ts';
import { createTestApp, type TestApp } from '../../http/testing.ts';
import { watchRoutes } from '../../http/watch-routes.ts';
import { workerRoutes } from '../../http/worker-routes.ts';
import { startEngine } from '../../migration/engine.ts';
import { fakeWorker } from '../../migration/testing/fake-worker.ts';
import type { Vault } from '../../db/vault-store.ts';
import type { ProviderView } from '../api.ts';
import { type InventoryOptions, startInventory } from '../inventory.ts';
import type { WatchAnswer } from '../protocol.ts';

export type InventoryServer = Awaited<ReturnType<typeof startInventoryServer>>;

/** Quick, but longer than a busy machine stalls. */
const quick = { leaseMs: 6_000, heartbeatMs: 500, tickMs: 50, callMs: 5_000 };

export async function startInventoryServer(options: Partial<InventoryOptions> = {}) {
  const clocks: Array<() => Promise<void>> = [];
  const published: string[] = [];
  const errors: unknown[] = [];
  const onError = (error: unknown): number => errors.push(error);
  let vault: Vault | undefined;
  const publish = async (id: string): Promise<void> => void published.push(id);
  const make = async (db: Db) => {
    vault = await openTestVault(db);
    const engine = await startEngine({ ...quick, db, vault, onError });
    clocks.unshift(() => engine.stop());
    const inventory = startInventory({ db, vault, publish, tickMs: 50, onError, ...options });
    clocks.unshift(() => inventory.stop());
    return [
      workerRoutes(engine),
      migrationRoutes(engine),
      watchRoutes(inventory),
      providerRoutes(engine, inventory),
      providerInventoryRoutes(engine, inventory),
    ];
  };
  const app: TestApp = await createTestApp(make);
  if (vault === undefined) throw new Error('no vault was made');
  const ask = async <T>(...given: Parameters<TestApp['ask']>): Promise<T> => {
    const [method, url, more] = given;
    const answer = await app.ask(method, `/api/v1${url}`, more);
    if (answer.status >= 400) throw new Error(`${method} ${url}: ${answer.status} ${answer.text}`);
    return answer.body as T;
  };
  return {
    app,
    db: app.db,
    vault,
    published,
    errors,
    ask,
    close: async () => {
      for (const stop of clocks) await stop();
      await app.close();
      if (errors.length > 0) throw new AggregateError(errors, 'a clock met errors');
    },
    provider: (id: string) => ask<ProviderView>('GET', `/providers/${id}`),
    add: (name: string, more: object = {}) =>
      ask<ProviderView>('POST', '/providers', {
        body: { name, account: { type: 'libvirt', uri: 'test:///default' }, check: false, ...more },
      }),
    worker: async (name = 'one') => watcher(fakeWorker(localApp(app), name)),
  };
}

/** The worker speaks over the unix socket. */
function localApp(app: TestApp): Parameters<typeof fakeWorker>[0] {
  const inject = (options: object): unknown =>
    app.app.inject({ ...options, headers: { 'x-test-local': 'yes', host: 'wherry.test' } });
  return { inject } as unknown as Parameters<typeof fakeWorker>[0];
}

async function watcher(worker: ReturnType<typeof fakeWorker>) {
  await worker.hello();
  const watches = async (): Promise<{ providerId: string; token: string }[]> => (await worker.commands()).watches;
  return {
    ...worker,
    watches,
    /** Begins the watch of a provider, once it is ours. */
    begin: async (providerId: string) => {
      for (const until = Date.now() + 20_000; Date.now() < until; await new Promise((go) => setTimeout(go, 20))) {
        const found = (await watches()).find((watch) => watch.providerId === providerId);
        if (found === undefined) continue;
        const { status, body } = await worker.post('watch', { ...pick(worker), token: found.token });
        if (status !== 200) continue;
        const answer = body as unknown as WatchAnswer;
        let { sequence } = answer;
        return {
          ...answer,
          token: found.token,
          send: async (...news: object[]) => {
            const sent = await worker.post('inventory', { token: found.token, sequence, news });
            if (sent.status === 200) sequence += 1;
            return sent;
          },
          resend: (back: number, ...news: object[]) =>
            worker.post('inventory', { token: found.token, sequence: sequence - back, news }),
          watching: (state: string, error: object | null = null, retryInMs: number | null = null) =>
            worker.post('watching', { token: found.token, state, error, retryInMs }),
        };
      }
      throw new Error('the watch was not given');
    },
  };
}

function pick({ workerId, bootId }: { workerId: string; bootId: string }): object {
  return { workerId, bootId };
}

export const snapshot = (systemId = 'system-1', version = '1.0'): object => ({
  kind: 'snapshot',
  product: `Test ${version}`,
  version,
  systemId,
});
export const synced: object = { kind: 'synced' };
export const put = (...objects: object[]): object => ({ kind: 'put', objects });
export const gone = (...objects: object[]): object => ({ kind: 'gone', objects });
