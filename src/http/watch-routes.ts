/** What workers say of providers (src/inventory/protocol.ts). */
import Type from 'typebox';
import { takeBatch } from '../inventory/batch-store.ts';
import type { Inventory } from '../inventory/inventory.ts';
import { InventoryBatch, WatchAnswer, Watching, WatchRequest } from '../inventory/protocol.ts';
import { beginWatch, takeWatching } from '../inventory/watch-store.ts';
import type { Routes } from './routes.ts';

const Done = Type.Object({});
const config = { permission: 'worker', idempotent: false } as const;
/** A batch is about 1 MiB; one object may be larger. */
const bodyLimit = 16 * 1024 * 1024;

export function watchRoutes(inventory: Inventory): Routes {
  const { db, vault } = inventory;
  const tags = ['worker'];
  return {
    schemas: {},
    register: (app) => {
      app.post(
        '/worker/watch',
        {
          config,
          schema: {
            operationId: 'workerWatch',
            summary: 'Begins a watch: gives the account and its secrets',
            tags,
            body: WatchRequest,
            response: { 200: WatchAnswer },
          },
        },
        async ({ body }) => {
          const { providerId, answer } = await beginWatch(db, vault, body);
          inventory.changed(providerId);
          return answer;
        },
      );
      app.post(
        '/worker/inventory',
        {
          config,
          bodyLimit,
          schema: {
            operationId: 'workerInventory',
            summary: 'News of what is in a provider',
            tags,
            body: InventoryBatch,
            response: { 200: Done },
          },
        },
        async ({ body }) => {
          inventory.changed(await takeBatch(db, body, inventory.rules()));
          return {};
        },
      );
      app.post(
        '/worker/watching',
        {
          config,
          schema: {
            operationId: 'workerWatching',
            summary: 'How a watch goes',
            tags,
            body: Watching,
            response: { 200: Done },
          },
        },
        async ({ body }) => {
          inventory.changed(await takeWatching(db, body));
          return {};
        },
      );
    },
  };
}
