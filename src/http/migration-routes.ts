/** Migrations, as users and programs see them (src/migration/api.ts). */
import type { FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import type { Tx } from '../db/db.ts';
import * as api from '../migration/api.ts';
import { cancelMigration, cancelVmMigration, type EndOrder, requestUndo } from '../migration/cancel-store.ts';
import { createMigration } from '../migration/create-store.ts';
import type { Engine } from '../migration/engine.ts';
import { finishHandOver } from '../migration/hand-over-store.ts';
import { retryVmMigration } from '../migration/retry-store.ts';
import { readMigration, readVmMigration } from '../migration/view-store.ts';
import { actorOf } from './auth/authenticate.ts';
import { keepAnswerWithin } from './idempotency.ts';
import { addMigrationReads } from './migration-reads.ts';
import { ById } from './params.ts';
import type { App, Routes } from './routes.ts';
import { addSources, askerOf, authorizeSource } from './source-routes.ts';

/** May be left out. */
const CancelBody = Type.Union([api.CancelVmMigration, Type.Null()]);
const EndBody = Type.Union([api.EndVmMigration, Type.Null()]);
const RetryBody = Type.Union([api.RetryVmMigration, Type.Null()]);

export function migrationRoutes(engine: Engine): Routes {
  return {
    schemas: {
      CreateMigration: api.CreateMigration,
      RetryVmMigration: api.RetryVmMigration,
      CancelVmMigration: api.CancelVmMigration,
      EndVmMigration: api.EndVmMigration,
      MigrationPage: api.MigrationPage,
      MigrationSummary: api.MigrationSummary,
      MigrationView: api.MigrationView,
      VmMigrationView: api.VmMigrationView,
      VmMigrationDetail: api.VmMigrationDetail,
      StepView: api.StepView,
      DiskView: api.DiskView,
      ShownError: api.ShownError,
      WaitReason: api.WaitReason,
      LogPage: api.LogPage,
      Rates: api.Rates,
      WorkerView: api.WorkerView,
      ListSource: api.ListSource,
      DescribeSource: api.DescribeSource,
    },
    register: (app, { stopping }) => {
      addMigrationReads(app, engine);
      addOrders(app, engine);
      addFinish(app, engine);
      addRetry(app, engine);
      addSources(app, engine, stopping);
    },
  };
}

function addOrders(app: App, engine: Engine): void {
  const { db } = engine;
  app.post(
    '/migrations',
    {
      config: { permission: 'operator' },
      schema: {
        operationId: 'createMigration',
        summary: 'Migrates VMs',
        tags: ['migrations'],
        body: api.CreateMigration,
        response: { 201: api.MigrationView },
      },
    },
    async (request, reply) => {
      for (const { source } of request.body.vms) authorizeSource(source, request);
      const view = await createMigration(engine, request.body, askerOf(request), async (tx, id) => {
        const made = await readMigration(tx, id);
        await keepAnswerWithin(tx, request, 201, made);
        return made;
      });
      return reply.code(201).send(view);
    },
  );
  app.post(
    '/migrations/:id/cancel',
    {
      config: { permission: 'operator' },
      schema: {
        operationId: 'cancelMigration',
        summary: 'Cancels every VM that has not passed the point of no return, and undoes what was done',
        tags: ['migrations'],
        params: ById,
        body: CancelBody,
        response: { 202: api.MigrationView },
      },
    },
    async (request, reply) => {
      const { params, body } = request;
      await cancelMigration(db, params.id, { actor: actorOf(request).name, keep: body?.keep ?? false });
      return reply.code(202).send(await readMigration(db.kysely, params.id));
    },
  );
  app.post(
    '/vm-migrations/:id/cancel',
    {
      config: { permission: 'operator' },
      schema: {
        operationId: 'cancelVmMigration',
        summary: 'Cancels one VM of a migration, and undoes what was done',
        tags: ['migrations'],
        params: ById,
        body: CancelBody,
        response: { 202: api.VmMigrationView },
      },
    },
    async (request, reply) => {
      const { params, body } = request;
      await cancelVmMigration(db, params.id, { actor: actorOf(request).name, keep: body?.keep ?? false });
      return reply.code(202).send((await readVmMigration(db.kysely, params.id)).view);
    },
  );
  app.post(
    '/vm-migrations/:id/undo',
    {
      config: { permission: 'operator' },
      schema: {
        operationId: 'undoVmMigration',
        summary:
          'Removes what a failed or canceled VM migration left behind, or kept for a retry; refused from the hand-over on',
        tags: ['migrations'],
        params: ById,
        body: EndBody,
        response: { 202: api.VmMigrationView },
      },
    },
    async (request, reply) => {
      return reply.code(202).send(await requestUndo(db, request.params.id, endOf(request), answerWith(request)));
    },
  );
}

function addFinish(app: App, { db }: Engine): void {
  app.post(
    '/vm-migrations/:id/finish',
    {
      config: { permission: 'operator' },
      schema: {
        operationId: 'finishVmMigration',
        summary: 'Finishes a hand-over that failed: does what of it is missing, and removes nothing of the migrated VM',
        tags: ['migrations'],
        params: ById,
        body: EndBody,
        response: { 202: api.VmMigrationView },
      },
    },
    async (request, reply) => {
      return reply.code(202).send(await finishHandOver(db, request.params.id, endOf(request), answerWith(request)));
    },
  );
}

type EndRequest = FastifyRequest & { readonly params: { readonly id: string }; readonly body: Static<typeof EndBody> };

function endOf(request: EndRequest): EndOrder {
  return { actor: actorOf(request).name, gone: request.body?.gone ?? false };
}

/** What an order has made of a VM migration, kept as the answer in the transaction that gives the order. */
function answerWith(request: EndRequest): (tx: Tx) => Promise<api.VmMigrationView> {
  return async (tx) => {
    const { view } = await readVmMigration(tx, request.params.id);
    await keepAnswerWithin(tx, request, 202, view);
    return view;
  };
}

function addRetry(app: App, { db }: Engine): void {
  app.post(
    '/vm-migrations/:id/retry',
    {
      config: { permission: 'operator' },
      schema: {
        operationId: 'retryVmMigration',
        summary:
          'Migrates a VM again that failed or was canceled: what was copied and is still right is not copied again',
        tags: ['migrations'],
        params: ById,
        body: RetryBody,
        response: { 201: api.MigrationView },
      },
    },
    async (request, reply) => {
      const wanted = { actor: actorOf(request).name, options: request.body?.options ?? {} };
      const view = await retryVmMigration(db, request.params.id, wanted, async (tx, id) => {
        const made = await readMigration(tx, id);
        await keepAnswerWithin(tx, request, 201, made);
        return made;
      });
      return reply.code(201).send(view);
    },
  );
}
