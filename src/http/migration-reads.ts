/** What there is to see of migrations: lists, details, logs, manifests, rates. */
import { Readable } from 'node:stream';
import Type from 'typebox';
import * as api from '../migration/api.ts';
import { readDetail } from '../migration/detail-store.ts';
import type { Engine } from '../migration/engine.ts';
import { readLog } from '../migration/log-store.ts';
import { manifestText } from '../migration/manifest-store.ts';
import { readRates } from '../migration/rate-store.ts';
import { listMigrations, readMigration, readVmMigration } from '../migration/view-store.ts';
import { listWorkers } from '../migration/worker-store.ts';
import { ById } from './params.ts';
import type { App } from './routes.ts';

const Workers = Type.Object({ items: Type.Array(api.WorkerView) });
const logPageLines = 1_000;

export function addMigrationReads(app: App, engine: Engine): void {
  addReads(app, engine);
  addRecords(app, engine);
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
