/** Tokens for programs (a role of their own) and for workers on other machines. Shown once, kept as hashes. */
import Type from 'typebox';
import { WherryError } from '../../model/errors.ts';
import { RoleSchema } from './role-schema.ts';
import type { Routes } from '../routes.ts';
import { actorOf } from './authenticate.ts';
import {
  addApiToken,
  addWorkerToken,
  listApiTokens,
  listWorkerTokens,
  removeToken,
  type TokenRow,
} from './auth-store.ts';
import { ById } from '../params.ts';

const Name = Type.String({ minLength: 1, maxLength: 100 });
const Time = Type.String({ format: 'date-time' });
const fields = {
  id: Type.String({ format: 'uuid' }),
  name: Type.String(),
  /** Its first characters. */
  prefix: Type.String(),
  createdBy: Type.String(),
  createdAt: Time,
  lastUsedAt: Type.Union([Time, Type.Null()]),
};
export const ApiToken = Type.Object({ ...fields, role: RoleSchema });
export const NewApiToken = Type.Object({ name: Name, role: RoleSchema }, { additionalProperties: false });
export const MadeApiToken = Type.Object({ ...ApiToken.properties, token: Type.String() });
export const WorkerToken = Type.Object(fields);
export const NewWorkerToken = Type.Object({ name: Name }, { additionalProperties: false });
export const MadeWorkerToken = Type.Object({ ...fields, token: Type.String() });
const tags = ['tokens'];

export const tokenRoutes: Routes = {
  schemas: { ApiToken, NewApiToken, MadeApiToken, WorkerToken, NewWorkerToken, MadeWorkerToken },
  register: (app, { db }) => {
    const config = { permission: 'administrator' } as const;
    app.get(
      '/tokens',
      {
        config,
        schema: {
          operationId: 'listTokens',
          summary: 'API tokens',
          tags,
          response: { 200: Type.Object({ items: Type.Array(ApiToken) }) },
        },
      },
      async () => ({ items: (await listApiTokens(db.kysely)).map((row) => ({ ...shown(row), role: row.role })) }),
    );
    app.post(
      '/tokens',
      {
        config: { ...config, secretAnswer: true },
        schema: {
          operationId: 'createToken',
          summary: 'Makes an API token; it is shown only now',
          tags,
          body: NewApiToken,
          response: { 201: MadeApiToken },
        },
      },
      async (request, reply) => {
        const made = await addApiToken(db.kysely, { ...request.body, createdBy: actorOf(request).name });
        return reply.code(201).send({ ...shown(made), role: made.role, token: made.token });
      },
    );
    app.get(
      '/worker-tokens',
      {
        config,
        schema: {
          operationId: 'listWorkerTokens',
          summary: 'Tokens of workers on other machines',
          tags,
          response: { 200: Type.Object({ items: Type.Array(WorkerToken) }) },
        },
      },
      async () => ({ items: (await listWorkerTokens(db.kysely)).map(shown) }),
    );
    app.post(
      '/worker-tokens',
      {
        config: { ...config, secretAnswer: true },
        schema: {
          operationId: 'createWorkerToken',
          summary: 'Makes a token for a worker; it is shown only now',
          tags,
          body: NewWorkerToken,
          response: { 201: MadeWorkerToken },
        },
      },
      async (request, reply) => {
        const made = await addWorkerToken(db.kysely, { ...request.body, createdBy: actorOf(request).name });
        return reply.code(201).send({ ...shown(made), token: made.token });
      },
    );
    for (const [path, table, operationId, kind] of [
      ['/tokens/:id', 'api_token', 'deleteToken', 'API token'],
      ['/worker-tokens/:id', 'worker_token', 'deleteWorkerToken', 'worker token'],
    ] as const) {
      app.delete(
        path,
        {
          config,
          schema: { operationId, summary: `Ends the ${kind}`, tags, params: ById, response: { 204: Type.Null() } },
        },
        async (request, reply) => {
          const { id } = request.params;
          if (!(await removeToken(db.kysely, table, id))) throw new WherryError('request.not_found', { kind, id });
          return reply.code(204).send(null);
        },
      );
    }
  },
};

function shown({ id, name, prefix, createdBy, createdAt, lastUsedAt }: TokenRow) {
  return {
    id,
    name,
    prefix,
    createdBy,
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
  };
}
