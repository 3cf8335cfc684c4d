/** Signing in and out, and who one is. */
import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import { WherryError } from '../../model/errors.ts';
import { RoleSchema } from './role-schema.ts';
import type { Routes } from '../routes.ts';
import { anyAccount, closeSession, findAccount, openSession } from './auth-store.ts';
import { sessionCookie, setSessionCookie } from './authenticate.ts';
import { checkPassword } from './secrets.ts';
import { createThrottle } from './throttle.ts';

export const SignIn = Type.Object(
  { user: Type.String({ minLength: 1, maxLength: 100 }), password: Type.String({ minLength: 1, maxLength: 1000 }) },
  { additionalProperties: false },
);
export const SessionView = Type.Object({
  signedIn: Type.Boolean(),
  name: Type.Union([Type.String(), Type.Null()]),
  role: Type.Union([RoleSchema, Type.Null()]),
  /** There is no account yet: the set-up token makes the first one. */
  setupNeeded: Type.Boolean(),
  version: Type.String(),
});
export type SessionView = Type.Static<typeof SessionView>;

export const sessionRoutes = (version: string): Routes => ({
  schemas: { SignIn, SessionView },
  register: (app, { db }) => {
    const throttle = createThrottle();
    app.get(
      '/session',
      {
        config: { permission: 'public' },
        schema: {
          operationId: 'getSession',
          summary: 'Who is signed in',
          tags: ['sign-in'],
          response: { 200: SessionView },
        },
      },
      async (request) => view(request, !(await anyAccount(db.kysely)), version),
    );
    app.post(
      '/session',
      {
        config: { permission: 'public' },
        schema: {
          operationId: 'signIn',
          summary: 'Signs in; the answer sets a cookie',
          tags: ['sign-in'],
          body: SignIn,
          response: { 201: SessionView },
        },
      },
      async (request, reply) => {
        const { user, password } = request.body;
        const key = `${user.toLowerCase()} ${request.ip}`;
        const seconds = throttle.waitSeconds(key);
        if (seconds > 0) throw new WherryError('auth.throttled', { user, seconds });
        throttle.failed(key); // before the slow part, so that many at once do not all pass
        const account = await findAccount(db.kysely, user);
        if (!(await checkPassword(password, account?.passwordHash ?? null)) || account === null) {
          if (!(await anyAccount(db.kysely))) throw new WherryError('auth.setup_needed');
          throw new WherryError('auth.failed');
        }
        throttle.succeeded(key);
        setSessionCookie(request, reply, await openSession(db.kysely, account.id));
        request.actor = { kind: 'user', name: account.name, role: account.role };
        return reply.code(201).send(view(request, false, version));
      },
    );
    app.delete(
      '/session',
      {
        config: { permission: 'public' },
        schema: { operationId: 'signOut', summary: 'Signs out', tags: ['sign-in'], response: { 204: Type.Null() } },
      },
      async (request, reply) => {
        const token = request.cookies[sessionCookie];
        if (token !== undefined) await closeSession(db.kysely, token);
        return reply.clearCookie(sessionCookie, { path: '/' }).code(204).send(null);
      },
    );
  },
});

export function view({ actor }: FastifyRequest, setupNeeded: boolean, version: string): SessionView {
  return { signedIn: actor !== null, name: actor?.name ?? null, role: actor?.role ?? null, setupNeeded, version };
}
