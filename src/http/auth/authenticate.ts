/**
 * Who calls, and whether they may: one hook for all routes. The unix socket's mode (0600) is its authentication; over TCP
 * it is a session cookie or `Authorization: Bearer`. A cookie is sent by browsers on their own, so a write that rests on
 * one has to come from our own pages (`Origin`).
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Db } from '../../db/db.ts';
import { WherryError } from '../../model/errors.ts';
import { roleCovers } from '../../model/role.ts';
import type { Actor, App, Permission } from '../routes.ts';
import { findSession, findToken } from './auth-store.ts';

export const sessionCookie = 'wherry_session';
export const localActor: Actor = { kind: 'local', name: 'local', role: 'administrator' };

export function addAuthentication(app: App, db: Db, isLocal: (request: FastifyRequest) => boolean): void {
  app.decorateRequest('actor', null);
  app.addHook('onRequest', async (request) => {
    const permission = request.routeOptions.config.permission;
    if (permission === undefined) return; // no such route: the answer is 404, whoever asks
    if (request.routeOptions.config.anonymous === true) return;
    request.actor = isLocal(request) ? localActor : await remoteActor(db, request, permission);
    authorize(permission, request.actor);
  });
}

/** Who calls, where a route needs somebody. */
export function actorOf(request: FastifyRequest): Actor {
  if (request.actor === null) throw new WherryError('auth.required');
  return request.actor;
}

async function remoteActor(db: Db, request: FastifyRequest, permission: Permission): Promise<Actor | null> {
  const bearer = /^Bearer (\S{1,200})$/i.exec(request.headers.authorization ?? '')?.[1];
  if (bearer !== undefined) {
    const isWorker = bearer.startsWith('wherry_worker_');
    const found = await findToken(db, isWorker ? 'worker_token' : 'api_token', bearer);
    if (found !== null && isWorker) return { kind: 'worker', name: `worker ${found.name}`, role: null };
    if (found !== null) return { kind: 'token', name: `token ${found.name}`, role: found.role };
    if (permission === 'public') return null;
    throw new WherryError('auth.bad_token');
  }
  const cookie = request.cookies[sessionCookie];
  const account = cookie === undefined ? null : await findSession(db.kysely, cookie);
  if (account !== null || permission === 'public') checkOrigin(request, account !== null);
  return account === null ? null : { kind: 'user', name: account.name, role: account.role };
}

/** @param needed whether the header has to be there: browsers always send it with a write */
function checkOrigin(request: FastifyRequest, needed: boolean): void {
  if (request.method === 'GET' || request.method === 'HEAD') return;
  const { origin, host } = request.headers;
  if (origin === undefined && !needed) return;
  if (origin === undefined || !URL.canParse(origin) || new URL(origin).host !== host) {
    throw new WherryError('auth.origin', { origin: (origin ?? 'no Origin header').slice(0, 200) });
  }
}

/** @throws auth.required, auth.forbidden */
export function authorize(permission: Permission, actor: Actor | null): void {
  if (permission === 'public') return;
  if (actor === null) throw new WherryError('auth.required');
  if (permission === 'worker') {
    if (actor.kind !== 'worker' && actor.kind !== 'local') throw new WherryError('auth.forbidden', { role: 'worker' });
    return;
  }
  if (actor.role === null || !roleCovers(actor.role, permission)) {
    throw new WherryError('auth.forbidden', { role: permission });
  }
}

/** `Secure` wherever the browser speaks TLS to us, or to a proxy in front that says so. */
export function setSessionCookie(request: FastifyRequest, reply: FastifyReply, token: string): void {
  const secure = request.protocol === 'https' || request.headers['x-forwarded-proto'] === 'https';
  reply.setCookie(sessionCookie, token, { path: '/', httpOnly: true, sameSite: 'lax', secure });
}
