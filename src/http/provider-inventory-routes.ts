/** What is in a provider: flat lists, the tree, one VM in full; and all of that of a source that is not saved. */
import Type from 'typebox';
import { addressOf } from '../inventory/account.ts';
import * as api from '../inventory/api.ts';
import type { Inventory } from '../inventory/inventory.ts';
import { providerToAsk } from '../inventory/provider-store.ts';
import { keepVm, listObjects, listUnreadable, readInventoryVm, readTree } from '../inventory/read-store.ts';
import { parseFilter } from '../inventory/search/parse.ts';
import { judged } from '../inventory/unsaved.ts';
import { stopRefused } from '../inventory/watch-store.ts';
import type { Engine } from '../migration/engine.ts';
import { toStored, WherryError } from '../model/errors.ts';
import { InventoryKind, InventoryObject } from '../model/inventory.ts';
import { shown } from '../model/shown-error.ts';
import { askInventory, askVm, unsaved } from './ask-provider.ts';
import type { App, Routes } from './routes.ts';

const Id = Type.String({ format: 'uuid' });
const ById = Type.Object({ id: Id });
const viewer = { permission: 'viewer' } as const;
const tags = ['inventory'];

export function providerInventoryRoutes(engine: Engine, inventory: Inventory): Routes {
  return {
    schemas: {
      ObjectView: api.ObjectView,
      ObjectPage: api.ObjectPage,
      TreeNode: api.TreeNode,
      ProviderTree: api.ProviderTree,
      InventoryVmView: api.InventoryVmView,
      UnreadableView: api.UnreadableView,
      UnreadableList: api.UnreadableList,
      BrowseProvider: api.BrowseProvider,
      UnsavedInventory: api.UnsavedInventory,
      InventoryObject,
    },
    register: (app, { stopping }) => {
      addLists(app, inventory);
      addVm(app, engine, inventory, stopping);
      addUnsaved(app, engine, inventory, stopping);
    },
  };
}

function addLists(app: App, { db }: Inventory): void {
  app.get(
    '/providers/:id/objects',
    {
      config: viewer,
      schema: {
        operationId: 'listProviderObjects',
        summary: 'Objects of one kind, page by page, in an order that renaming does not change',
        tags,
        params: ById,
        querystring: Type.Object({
          kind: InventoryKind,
          after: Type.Optional(Id),
          limit: Type.Integer({ minimum: 1, maximum: 2_000, default: 500 }),
        }),
        response: { 200: api.ObjectPage },
      },
    },
    ({ params, query: { kind, after, limit } }) =>
      listObjects(db, params.id, { kind, limit: limit ?? 500, ...(after === undefined ? {} : { after }) }),
  );
  app.get(
    '/providers/:id/tree',
    {
      config: viewer,
      schema: {
        operationId: 'getProviderTree',
        summary: 'Datacenters, folders, clusters, hosts and resource pools, parents before children',
        tags,
        params: ById,
        response: { 200: api.ProviderTree },
      },
    },
    async ({ params }) => ({ items: await readTree(db, params.id) }),
  );
  app.get(
    '/providers/:id/unreadable',
    {
      config: viewer,
      schema: {
        operationId: 'listProviderUnreadable',
        summary: 'What is there but cannot be read, with the reason',
        tags,
        params: ById,
        response: { 200: api.UnreadableList },
      },
    },
    async ({ params }) => ({ items: await listUnreadable(db, params.id) }),
  );
}

function addVm(app: App, engine: Engine, inventory: Inventory, stopping: AbortSignal): void {
  const { db, vault } = inventory;
  app.get(
    '/inventory/vms/:id',
    {
      config: viewer,
      schema: {
        operationId: 'getInventoryVm',
        summary: 'A VM in full; read from its provider when only a summary is known',
        tags,
        params: ById,
        response: { 200: api.InventoryVmView },
      },
    },
    async ({ params }) => {
      const view = await readInventoryVm(db, params.id, inventory.rules());
      if (view.vm.detail === 'full' || view.provider === null || view.goneAt !== null) return view;
      const asked = await providerToAsk(db, vault, view.provider.id);
      // Whoever looks must not try a wrong password again, or send one where the certificate has changed.
      if (asked.stoppedBy !== null) return { ...view, detailError: shown(asked.stoppedBy) };
      try {
        const vm = await askVm(engine, asked, view.ref, stopping);
        await keepVm(db, view, vm, inventory.rules());
        inventory.changed(view.provider.id);
        return await readInventoryVm(db, params.id, inventory.rules());
      } catch (error) {
        if (!(error instanceof WherryError)) throw error;
        if (error.code === 'provider.sign_in_refused')
          await stopRefused(db, asked.token, toStored(error)).catch(unlessStale);
        return { ...view, detailError: shown(toStored(error)) };
      }
    },
  );
}

function unlessStale(error: unknown): void {
  if (!(error instanceof WherryError) || error.code !== 'provider.stale_watch') throw error;
}

/** As adding one: whoever may ask for any address or directory sees what the worker's machine sees. */
function addUnsaved(app: App, engine: Engine, inventory: Inventory, stopping: AbortSignal): void {
  const config = { permission: 'administrator', idempotent: false } as const;
  app.post(
    '/providers/browse',
    {
      config,
      schema: {
        operationId: 'browseUnsavedProvider',
        summary: 'All that is in a source that is not saved, with concerns; it is forgotten with the answer',
        tags,
        body: api.BrowseProvider,
        response: { 200: api.UnsavedInventory },
      },
    },
    async ({ body: { filter = '', ...source } }) => {
      const wanted = parseFilter(filter); // before anybody is asked, or signed in
      const asked = unsaved(source);
      const found = await askInventory(engine, asked, stopping);
      const { account } = asked;
      return judged(found, { name: addressOf(account), type: account.type }, inventory.rules(), wanted);
    },
  );
  app.post(
    '/providers/browse-vm',
    {
      config,
      schema: {
        operationId: 'browseUnsavedVm',
        summary: 'One VM in full of a source that is not saved',
        tags,
        body: api.UnsavedVm,
        response: { 200: InventoryObject },
      },
    },
    async ({ body: { ref, ...source } }) => {
      const vm = await askVm(engine, unsaved(source), ref, stopping);
      if (vm === null) throw new WherryError('provider.object_not_found', { kind: 'VM', ref });
      return vm;
    },
  );
}
