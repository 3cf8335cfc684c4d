/** The first account. */
import { rm } from 'node:fs/promises';
import Type from 'typebox';
import type { Routes } from '../routes.ts';
import { openSession } from './auth-store.ts';
import { setSessionCookie } from './authenticate.ts';
import { ensureSetupToken, setUp } from './setup-store.ts';
import { SessionView, view } from './session-routes.ts';

export const SetUp = Type.Object(
  {
    token: Type.String({ minLength: 1, maxLength: 200 }),
    user: Type.String({ pattern: '^(?!local$)[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$' }),
    password: Type.String({ minLength: 10, maxLength: 1000 }),
  },
  { additionalProperties: false },
);
export const SetupToken = Type.Object({ token: Type.Union([Type.String(), Type.Null()]) });

/** @param tokenFile where the token is kept until it was used */
export const setupRoutes = (tokenFile: string, version: string): Routes => ({
  schemas: { SetUp, SetupToken },
  register: (app, { db }) => {
    app.post(
      '/setup',
      {
        config: { permission: 'public' },
        schema: {
          operationId: 'setUp',
          summary: 'Makes the first administrator, with the one-time set-up token, and signs in',
          tags: ['sign-in'],
          body: SetUp,
          response: { 201: SessionView },
        },
      },
      async (request, reply) => {
        const account = await setUp(db, request.body);
        await rm(tokenFile, { force: true });
        setSessionCookie(request, reply, await openSession(db.kysely, account.id));
        request.actor = { kind: 'user', name: account.name, role: account.role };
        return reply.code(201).send(view(request, false, version));
      },
    );
    app.get(
      '/setup-token',
      {
        config: { permission: 'administrator' },
        schema: {
          operationId: 'getSetupToken',
          summary: 'The set-up token, for who may open the server’s unix socket; null once it was used',
          tags: ['sign-in'],
          response: { 200: SetupToken },
        },
      },
      async () => ({ token: await ensureSetupToken(db, tokenFile) }),
    );
  },
});
