/**
 * Files into a store (src/inventory/upload-api.ts): begun with name and size, sent in parts, each of which is on the worker's
 * disk when it is answered, so that whatever breaks goes on from there.
 */
import type { Readable } from 'node:stream';
import Type from 'typebox';
import { Value } from 'typebox/value';
import type { Inventory } from '../inventory/inventory.ts';
import { BeginUpload, maxPartBytes, UploadList, UploadView } from '../inventory/upload-api.ts';
import { checkUploadName } from '../inventory/upload-name.ts';
import { UploadAnswer } from '../inventory/upload-protocol.ts';
import {
  beginUpload,
  dropUpload,
  endUpload,
  forgottenUploads,
  listUploads,
  partDone,
  readUpload,
  type UploadRow,
  uploadView,
} from '../inventory/upload-store.ts';
import type { Engine } from '../migration/engine.ts';
import { WherryError } from '../model/errors.ts';
import { actorOf } from './auth/authenticate.ts';
import type { App, Routes } from './routes.ts';
import { createParts, type Parts } from './upload-parts.ts';
import { ById } from './params.ts';

const tags = ['uploads'];
const operator = { permission: 'operator' } as const;

type World = {
  readonly engine: Engine;
  readonly inventory: Inventory;
  readonly parts: Parts;
  readonly stopping: AbortSignal;
};

export function uploadRoutes(engine: Engine, inventory: Inventory): Routes {
  const parts = createParts();
  return {
    schemas: { UploadView, UploadList, BeginUpload },
    register: (app, { stopping }) => {
      const world: World = { engine, inventory, parts, stopping };
      addReads(app, world);
      addOrders(app, world);
      addPart(app, world);
      addWorkersEnd(app, world);
    },
  };
}

function addReads(app: App, { inventory: { db } }: World): void {
  app.get(
    '/providers/:id/uploads',
    {
      config: { permission: 'viewer' },
      schema: {
        operationId: 'listUploads',
        summary: 'Files that were or are being put into a store, newest first',
        tags,
        params: ById,
        response: { 200: UploadList },
      },
    },
    async ({ params }) => ({ items: (await listUploads(db.kysely, params.id)).map(uploadView) }),
  );
  app.get(
    '/uploads/:id',
    {
      config: { permission: 'viewer' },
      schema: { operationId: 'getUpload', summary: 'How far it is', tags, params: ById, response: { 200: UploadView } },
    },
    async ({ params }) => uploadView(await readUpload(db.kysely, params.id)),
  );
}

function addOrders(app: App, world: World): void {
  const { db } = world.inventory;
  app.post(
    '/providers/:id/uploads',
    {
      config: operator,
      schema: {
        operationId: 'beginUpload',
        summary:
          'Begins to put a file into a store: its name, the room for it and the right to write are looked at first',
        tags,
        params: ById,
        body: BeginUpload,
        response: { 201: UploadView },
      },
    },
    async (request, reply) => {
      const { body, params } = request;
      checkUploadName(body.name);
      await giveUpForgotten(world);
      const { row, promisedBytes } = await beginUpload(db, params.id, body, actorOf(request).name);
      try {
        await ask(world, 'beginUpload', row, { promisedBytes });
      } catch (error) {
        await dropUpload(db.kysely, row.id);
        throw error;
      }
      return reply.code(201).send(uploadView(row));
    },
  );
  app.post(
    '/uploads/:id/finish',
    {
      config: operator,
      schema: {
        operationId: 'finishUpload',
        summary: 'The file is whole and gets its name',
        tags,
        params: ById,
        response: { 200: UploadView },
      },
    },
    async (request) => {
      const row = await openUpload(world, request.params.id);
      const { name, done_bytes: found, size_bytes: expected } = row;
      if (found < expected) throw new WherryError('upload.incomplete', { name, found, expected });
      await ask(world, 'finishUpload', row);
      return uploadView(await endUpload(db.kysely, row, 'finished', actorOf(request).name));
    },
  );
  app.delete(
    '/uploads/:id',
    {
      config: operator,
      schema: {
        operationId: 'cancelUpload',
        summary: 'Gives an upload up; what came of it is removed',
        tags,
        params: ById,
        response: { 200: UploadView },
      },
    },
    async (request) => {
      const row = await openUpload(world, request.params.id);
      await ask(world, 'cancelUpload', row);
      return uploadView(await endUpload(db.kysely, row, 'canceled', actorOf(request).name));
    },
  );
}

/** The body is a stream that is handed on; a scope of its own, so that no other route takes such bodies. */
function addPart(app: App, world: World): void {
  void app.register(async (scope: App) => {
    scope.addContentTypeParser('application/octet-stream', { bodyLimit: maxPartBytes }, (_request, body, done) =>
      done(null, body),
    );
    scope.put(
      '/uploads/:id',
      {
        config: operator,
        bodyLimit: maxPartBytes,
        schema: {
          operationId: 'uploadPart',
          summary: 'The bytes from `offset` on, as application/octet-stream; answered when they are on the disk',
          tags,
          params: ById,
          querystring: Type.Object({ offset: Type.Integer({ minimum: 0 }) }),
          response: { 200: UploadView },
        },
      },
      async (request) => {
        const row = await openUpload(world, request.params.id);
        const { offset } = request.query;
        const lengthBytes = Number(request.headers['content-length'] ?? Number.NaN);
        const { name, size_bytes: size } = row;
        if (offset !== row.done_bytes) throw new WherryError('upload.elsewhere', { name, offset: row.done_bytes });
        if (!(lengthBytes <= maxPartBytes) || offset + lengthBytes > size) {
          throw new WherryError('upload.too_long', { name, size, limit: maxPartBytes });
        }
        const { partId, withdraw } = world.parts.offer({ body: request.body as Readable, uploadId: row.id, offset });
        try {
          const { doneBytes } = await ask(world, 'uploadPart', row, { partId, offset, lengthBytes });
          return uploadView(await partDone(world.inventory.db.kysely, row, doneBytes));
        } finally {
          withdraw();
        }
      },
    );
  });
}

function addWorkersEnd(app: App, world: World): void {
  app.post(
    '/worker/part',
    {
      config: { permission: 'worker', idempotent: false },
      schema: {
        operationId: 'workerPart',
        summary: 'Fetches a part of a file that is being uploaded',
        tags: ['worker'],
        body: Type.Object({ partId: Type.String({ format: 'uuid' }) }),
      },
    },
    async ({ body }, reply) => {
      const part = world.parts.take(body.partId);
      if (part === undefined) throw new WherryError('upload.part_gone', {});
      // Another one may have brought these bytes since this was offered: what was told to be there stays as it is.
      const { name, done_bytes: done } = await openUpload(world, part.uploadId);
      if (part.offset !== done) throw new WherryError('upload.elsewhere', { name, offset: done });
      return reply.type('application/octet-stream').send(part.body);
    },
  );
}

async function openUpload({ inventory: { db } }: World, id: string): Promise<UploadRow> {
  const row = await readUpload(db.kysely, id);
  if (row.state !== 'open') throw new WherryError('upload.ended', { name: row.name, state: row.state });
  return row;
}

async function ask(
  { engine, stopping }: World,
  method: 'beginUpload' | 'uploadPart' | 'finishUpload' | 'cancelUpload',
  { id, location, name, size_bytes: sizeBytes, worker_id: workerId }: UploadRow,
  more: object = {},
): Promise<UploadAnswer> {
  const params = { uploadId: id, location, name, sizeBytes, ...more };
  // A part has to be fetched, written and flushed; the sender waits as long.
  const answer = await engine.call({ method, params, workerId, patience: 8 }, stopping);
  if (!Value.Check(UploadAnswer, answer))
    throw new WherryError('internal', {}, new Error('a worker gave a strange answer'));
  return answer;
}

/** Somebody else's, long ago: their bytes take room that the next one needs. */
async function giveUpForgotten(world: World): Promise<void> {
  const { db } = world.inventory;
  for (const row of await forgottenUploads(db.kysely)) {
    const removed = await ask(world, 'cancelUpload', row).then(
      () => true,
      () => false, // its worker is away: another time
    );
    if (removed) await endUpload(db.kysely, row, 'canceled', 'wherry');
  }
}
