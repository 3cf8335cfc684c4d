/** Providers: add, look at, edit, check, remove (src/inventory/api.ts). */
import Type from 'typebox';
import * as api from '../inventory/api.ts';
import type { Inventory } from '../inventory/inventory.ts';
import {
  createProvider,
  editProvider,
  keepCheck,
  providerToAsk,
  refreshProvider,
  removeProvider,
  trustProvider,
} from '../inventory/provider-store.ts';
import { listProviders, readProvider } from '../inventory/provider-view-store.ts';
import { rotateSecrets } from '../inventory/secret-store.ts';
import type { Engine } from '../migration/engine.ts';
import { askCheck, refuseFailed, unsaved } from './ask-provider.ts';
import { actorOf } from './auth/authenticate.ts';
import { keepAnswerWithin } from './idempotency.ts';
import type { App, Routes } from './routes.ts';
import { ById } from './params.ts';

const tags = ['providers'];
/** Who may add one may send secrets anywhere: administrators. Looking, checking and refreshing change nothing outside. */
const admin = { permission: 'administrator' } as const;

export function providerRoutes(engine: Engine, inventory: Inventory): Routes {
  return {
    schemas: {
      ProviderView: api.ProviderView,
      ProviderList: api.ProviderList,
      ProviderCheck: api.ProviderCheck,
      CreateProvider: api.CreateProvider,
      EditProvider: api.EditProvider,
      TrustProvider: api.TrustProvider,
      UnsavedProvider: api.UnsavedProvider,
      RotateSecrets: api.RotateSecrets,
      RotatedSecrets: api.RotatedSecrets,
    },
    register: (app, { stopping }) => {
      addReads(app, inventory);
      addChanges(app, engine, inventory, stopping);
      addOrders(app, inventory);
      addChecks(app, engine, inventory, stopping);
      addRotation(app, inventory);
    },
  };
}

function addReads(app: App, { db }: Inventory): void {
  app.get(
    '/providers',
    {
      config: { permission: 'viewer' },
      schema: {
        operationId: 'listProviders',
        summary: 'Providers with their state and counts, by name',
        tags,
        response: { 200: api.ProviderList },
      },
    },
    async () => ({ items: await listProviders(db.kysely) }),
  );
  app.get(
    '/providers/:id',
    {
      config: { permission: 'viewer' },
      schema: {
        operationId: 'getProvider',
        summary: 'One provider',
        tags,
        params: ById,
        response: { 200: api.ProviderView },
      },
    },
    ({ params }) => readProvider(db.kysely, params.id),
  );
}

function addChanges(app: App, engine: Engine, inventory: Inventory, stopping: AbortSignal): void {
  const { db, vault } = inventory;
  app.post(
    '/providers',
    {
      config: admin,
      schema: {
        operationId: 'createProvider',
        summary: 'Adds a provider; a worker checks it first unless `check` is false',
        tags,
        body: api.CreateProvider,
        response: { 201: api.ProviderView },
      },
    },
    async (request, reply) => {
      const { body } = request;
      const asked = unsaved(body);
      const check = body.check === false ? null : await askCheck(engine, asked, stopping);
      if (check !== null) refuseFailed(check, asked.account);
      const id = await createProvider(db, vault, body, {
        by: actorOf(request).name,
        check,
        after: async (tx, made) => keepAnswerWithin(tx, request, 201, await readProvider(tx, made)),
      });
      await inventory.assign();
      inventory.changed(id);
      return reply.code(201).send(await readProvider(db.kysely, id));
    },
  );
  app.patch(
    '/providers/:id',
    {
      config: admin,
      schema: {
        operationId: 'editProvider',
        summary: 'Changes what is given; a changed account, secret or worker begins its watch anew',
        tags,
        params: ById,
        body: api.EditProvider,
        response: { 200: api.ProviderView },
      },
    },
    async (request) => {
      const { id } = request.params;
      await editProvider(db, vault, id, request.body, actorOf(request).name);
      await inventory.assign();
      inventory.changed(id);
      return readProvider(db.kysely, id);
    },
  );
  app.delete(
    '/providers/:id',
    {
      config: admin,
      schema: {
        operationId: 'removeProvider',
        summary: 'Removes a provider. What was in it is remembered, for when it is added again',
        tags,
        params: ById,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await removeProvider(db, request.params.id, actorOf(request).name);
      inventory.changed(request.params.id);
      return reply.code(204).send(null);
    },
  );
}

function addOrders(app: App, inventory: Inventory): void {
  const { db } = inventory;
  app.post(
    '/providers/:id/trust',
    {
      config: admin,
      schema: {
        operationId: 'trustProvider',
        summary: 'Trusts the certificate or host key that was shown, and goes on',
        tags,
        params: ById,
        body: api.TrustProvider,
        response: { 200: api.ProviderView },
      },
    },
    async (request) => {
      const { id } = request.params;
      await trustProvider(db, id, request.body.fingerprint, actorOf(request).name);
      await inventory.assign();
      inventory.changed(id);
      return readProvider(db.kysely, id);
    },
  );
  app.post(
    '/providers/:id/refresh',
    {
      config: { permission: 'operator' },
      schema: {
        operationId: 'refreshProvider',
        summary: 'Reads all of it again; one that has stopped gets one more try',
        tags,
        params: ById,
        response: { 202: api.ProviderView },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await refreshProvider(db, id, actorOf(request).name);
      await inventory.assign();
      inventory.changed(id);
      return reply.code(202).send(await readProvider(db.kysely, id));
    },
  );
}

function addChecks(app: App, engine: Engine, inventory: Inventory, stopping: AbortSignal): void {
  const { db, vault } = inventory;
  app.post(
    '/providers/check',
    {
      config: { permission: 'administrator', idempotent: false },
      schema: {
        operationId: 'checkUnsavedProvider',
        summary: 'Checks an account that is not saved; it is forgotten with the answer',
        tags,
        body: api.UnsavedProvider,
        response: { 200: api.ProviderCheck },
      },
    },
    ({ body }) => askCheck(engine, unsaved(body), stopping),
  );
  app.post(
    '/providers/:id/check',
    {
      config: { permission: 'operator', idempotent: false },
      schema: {
        operationId: 'checkProvider',
        summary: 'Checks a provider; what is found is kept with it',
        tags,
        params: ById,
        response: { 200: api.ProviderCheck },
      },
    },
    async ({ params }) => {
      const check = await askCheck(engine, await providerToAsk(db, vault, params.id), stopping);
      await keepCheck(db, params.id, check);
      inventory.changed(params.id);
      return check;
    },
  );
}

function addRotation(app: App, { db, vault }: Inventory): void {
  app.post(
    '/secrets/rotate',
    {
      config: admin,
      schema: {
        operationId: 'rotateSecrets',
        summary: 'Makes a new key, and seals every secret anew with it',
        tags: ['secrets'],
        body: api.RotateSecrets,
        response: { 200: api.RotatedSecrets },
      },
    },
    (request) => rotateSecrets(db, vault, request.body.forgetLost === true, actorOf(request).name),
  );
}
