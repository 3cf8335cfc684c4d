/** Migrations, as users and programs see them (src/migration/api.ts). */
import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import Type, { type Static, type TSchema } from 'typebox';
import { Value } from 'typebox/value';
import * as api from '../migration/api.ts';
import { cancelMigration, cancelVmMigration, requestUndo } from '../migration/cancel-store.ts';
import { createMigration } from '../migration/create-store.ts';
import { readDetail } from '../migration/detail-store.ts';
import type { Engine } from '../migration/engine.ts';
import { finishHandOver } from '../migration/hand-over-store.ts';
import { readLog } from '../migration/log-store.ts';
import { manifestText } from '../migration/manifest-store.ts';
import { readRates } from '../migration/rate-store.ts';
import { retryVmMigration } from '../migration/retry-store.ts';
import { listMigrations, readMigration, readVmMigration } from '../migration/view-store.ts';
import { listWorkers } from '../migration/worker-store.ts';
import { WherryError } from '../model/errors.ts';
import type { SourceSpec } from '../model/spec.ts';
import { actorOf, authorize } from './auth/authenticate.ts';
import { keepAnswerWithin } from './idempotency.ts';
import type { App, Routes } from './routes.ts';

const ById = Type.Object({ id: Type.String({ format: 'uuid' }) });
const Workers = Type.Object({ items: Type.Array(api.WorkerView) });
/** May be left out. */
const CancelBody = Type.Union([api.CancelVmMigration, Type.Null()]);
const RetryBody = Type.Union([api.RetryVmMigration, Type.Null()]);
const logPageLines = 1_000;

export function migrationRoutes(engine: Engine): Routes {
  return {
    schemas: {
      CreateMigration: api.CreateMigration,
      RetryVmMigration: api.RetryVmMigration,
      CancelVmMigration: api.CancelVmMigration,
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
      addReads(app, engine);
      addRecords(app, engine);
      addOrders(app, engine);
      addFinish(app, engine);
      addRetry(app, engine);
      addSources(app, engine, stopping);
    },
  };
}

function addReads(app: App, { db }: Engine): void {
  app.get(
    '/migrations',
    {
      config: { permission: 'viewer' },
      schema: {
        operationId: 'listMigrations',
        summary: 'Migrations, newest first',
        tags: ['migrations'],
        querystring: Type.Object({
          after: Type.Optional(Type.String({ format: 'uuid' })),
          state: Type.Optional(api.MigrationStateSchema),
          ended: Type.Optional(
            Type.Boolean({ description: 'only those that have ended, or only those that have not' }),
          ),
          limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
        }),
        response: { 200: api.MigrationPage },
      },
    },
    ({ query }) => listMigrations(db, { ...query, limit: query.limit ?? 50 }),
  );
  app.get(
    '/migrations/:id',
    {
      config: { permission: 'viewer' },
      schema: {
        operationId: 'getMigration',
        summary: 'A migration with its VMs, their steps and disks',
        tags: ['migrations'],
        params: ById,
        response: { 200: api.MigrationView },
      },
    },
    ({ params }) => readMigration(db.kysely, params.id),
  );
  app.get(
    '/vm-migrations/:id',
    {
      config: { permission: 'viewer' },
      schema: {
        operationId: 'getVmMigration',
        summary: 'One VM of a migration with its ledger and attempts',
        tags: ['migrations'],
        params: ById,
        response: { 200: api.VmMigrationDetail },
      },
    },
    ({ params }) => readDetail(db, params.id),
  );
  app.get(
    '/workers',
    {
      config: { permission: 'viewer' },
      schema: {
        operationId: 'listWorkers',
        summary: 'Workers that have ever introduced themselves',
        tags: ['workers'],
        response: { 200: Workers },
      },
    },
    async () => ({ items: await listWorkers(db) }),
  );
}

function addRecords(app: App, { db }: Engine): void {
  app.get(
    '/vm-migrations/:id/log',
    {
      config: { permission: 'viewer' },
      schema: {
        operationId: 'getVmMigrationLog',
        summary: 'The log of one VM, by pages',
        tags: ['migrations'],
        params: ById,
        querystring: Type.Object({
          after: Type.Integer({ minimum: 0, default: 0 }),
          limit: Type.Integer({ minimum: 1, maximum: 10_000, default: logPageLines }),
          newest: Type.Optional(Type.Boolean({ description: 'the last lines instead of the first' })),
        }),
        response: { 200: api.LogPage },
      },
    },
    async ({ params, query }) => {
      await readVmMigration(db.kysely, params.id);
      return readLog(db.kysely, params.id, {
        after: query.after ?? 0,
        limit: query.limit ?? logPageLines,
        newest: query.newest ?? false,
      });
    },
  );
  app.get(
    '/vm-migrations/:id/log.txt',
    {
      config: { permission: 'viewer' },
      schema: {
        operationId: 'downloadVmMigrationLog',
        summary: 'The whole log of one VM as a text file',
        tags: ['migrations'],
        params: ById,
      },
    },
    async ({ params }, reply) => {
      const { view } = await readVmMigration(db.kysely, params.id);
      return reply
        .type('text/plain; charset=utf-8')
        .header('content-disposition', `attachment; filename="${view.id}.log"`)
        .send(Readable.from(logText(db, params.id)));
    },
  );
  app.get(
    '/vm-migrations/:id/manifest',
    {
      config: { permission: 'viewer' },
      schema: {
        operationId: 'getVmMigrationManifest',
        summary: 'The digests of what the target disks hold, as JSON lines (docs/manifest.md)',
        tags: ['migrations'],
        params: ById,
      },
    },
    async ({ params }, reply) => {
      const text = await manifestText(db, params.id);
      return reply
        .type('application/jsonl; charset=utf-8')
        .header('content-disposition', `attachment; filename="${params.id}.manifest"`)
        .send(Readable.from(text));
    },
  );
  app.get(
    '/vm-migrations/:id/rates',
    {
      config: { permission: 'viewer' },
      schema: {
        operationId: 'getVmMigrationRates',
        summary: 'How fast the disks of one VM were copied over time, and what each copy waited for',
        tags: ['migrations'],
        params: ById,
        response: { 200: api.Rates },
      },
    },
    async ({ params }) => {
      await readVmMigration(db.kysely, params.id);
      return { disks: await readRates(db, params.id) };
    },
  );
}

async function* logText(db: Engine['db'], id: string): AsyncGenerator<string> {
  let dropped = 0;
  for (let after: number | null = 0; after !== null; ) {
    const page = await readLog(db.kysely, id, { after, limit: logPageLines });
    yield page.lines.map((line) => `${line.time} ${line.step} ${line.level}: ${line.text}\n`).join('');
    dropped = page.dropped;
    after = page.next;
  }
  if (dropped > 0) yield `(${dropped} lines were left out: the log of one VM is bounded)\n`;
}

function addOrders(app: App, { db }: Engine): void {
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
      const view = await createMigration(db, request.body, actorOf(request).name, async (tx, id) => {
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
        response: { 202: api.VmMigrationView },
      },
    },
    async (request, reply) => {
      const { params } = request;
      await requestUndo(db, params.id, actorOf(request).name);
      return reply.code(202).send((await readVmMigration(db.kysely, params.id)).view);
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
        response: { 202: api.VmMigrationView },
      },
    },
    async (request, reply) => {
      const { params } = request;
      await finishHandOver(db, params.id, actorOf(request).name);
      return reply.code(202).send((await readVmMigration(db.kysely, params.id)).view);
    },
  );
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

function addSources(app: App, engine: Engine, stopping: AbortSignal): void {
  app.post(
    '/sources/list',
    {
      config: { permission: 'operator', idempotent: false },
      schema: {
        operationId: 'listSourceVms',
        summary: 'The VMs in a source, as a worker sees it',
        tags: ['sources'],
        body: api.ListSource,
        response: { 200: api.SourceVms },
      },
    },
    async (request) => ({
      vms: parsed(
        api.SourceVms.properties.vms,
        await engine.call(await questionOf(engine, 'listVms', authorized(request)), stopping),
      ),
    }),
  );
  app.post(
    '/sources/describe',
    {
      config: { permission: 'operator', idempotent: false },
      schema: {
        operationId: 'describeSourceVm',
        summary: 'One VM in a source, as a worker sees it',
        tags: ['sources'],
        body: api.DescribeSource,
        response: { 200: api.SourceVm },
      },
    },
    async (request) => ({
      vm: parsed(
        api.SourceVm.properties.vm,
        await engine.call(await questionOf(engine, 'describeVm', authorized(request)), stopping),
      ),
    }),
  );
}

/**
 * A worker asks any address of its network for whoever may name one: operators name files of stores that an administrator
 * has added. @throws auth.forbidden
 */
function authorizeSource(source: SourceSpec, request: FastifyRequest): void {
  if (source.type === 'web' && source.provider === undefined) authorize('administrator', actorOf(request));
}

function authorized<T extends { readonly source: SourceSpec }>(request: FastifyRequest & { body: T }): T {
  authorizeSource(request.body.source, request);
  return request.body;
}

async function questionOf(
  engine: Engine,
  method: 'listVms' | 'describeVm',
  { workerId, ...params }: api.ListSource | api.DescribeSource,
): Promise<Parameters<Engine['call']>[0]> {
  const access = await engine.accessOf(params.source);
  const reached =
    access === null ? { params } : { params: { ...params, account: access.account }, secrets: access.secrets };
  return { method, ...reached, ...(workerId !== undefined && { workerId }) };
}

/** A worker of another version may answer what we do not know: that is its defect, not the caller's. */
function parsed<T extends TSchema>(schema: T, value: unknown): Static<T> {
  if (!Value.Check(schema, value)) throw new WherryError('internal', {}, new Error('a worker gave a strange answer'));
  return value;
}
