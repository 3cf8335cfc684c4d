/**
 * A POST that is sent twice happens once. The first one claims its key (per caller), the answer is kept with it, and who
 * sends the same again gets that answer, with `Idempotency-Replayed: true`. What failed on our side is not kept.
 *
 * A handler that keeps the answer within its own transaction (`keepAnswerWithin`) is exact even when the server is killed
 * between the commit and the answer; the others are exact but for that moment.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Db, Tx } from '../db/db.ts';
import { catalogue, type ErrorEntry, WherryError } from '../model/errors.ts';
import { actorOf } from './auth/authenticate.ts';
import { claimRequest, forgetRequest, keepAnswer, type KeyedRequest, keptAnswer } from './idempotency-store.ts';
import type { App } from './routes.ts';

const waitMs = 10_000;
const pollMs = 100;
const claims = new WeakMap<FastifyRequest, KeyedRequest>();

export function addIdempotency(app: App, db: Db): void {
  app.addHook('preHandler', async (request, reply) => {
    if (!needsKey(request)) return undefined;
    const keyed = keyOf(request);
    if (await claimRequest(db.kysely, keyed)) {
      claims.set(request, keyed);
      return undefined;
    }
    return replay(db, keyed, request, reply);
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const keyed = claims.get(request);
    if (keyed === undefined) return payload;
    claims.delete(request);
    const answer: unknown = typeof payload === 'string' && payload !== '' ? JSON.parse(payload) : null;
    if (mayKeep(reply.statusCode, answer)) {
      const { secretAnswer } = request.routeOptions.config;
      await keepAnswer(db.kysely, keyed, reply.statusCode, secretAnswer === true ? null : answer);
    } else {
      await forgetRequest(db.kysely, keyed);
    }
    return payload;
  });
}

/** For handlers: keeps the answer in the transaction that does the work. Does nothing for a request without a key. */
export async function keepAnswerWithin(
  tx: Tx,
  request: FastifyRequest,
  status: number,
  answer: unknown,
): Promise<void> {
  const keyed = claims.get(request);
  if (keyed !== undefined) await keepAnswer(tx, keyed, status, answer);
}

/** Whether a route's POSTs carry a key; the OpenAPI document says so too. */
export function routeNeedsKey(method: string, config: FastifyRequest['routeOptions']['config']): boolean {
  const { permission, idempotent } = config;
  return (
    method === 'POST' &&
    permission !== undefined &&
    permission !== 'worker' &&
    permission !== 'public' &&
    idempotent !== false
  );
}

function needsKey(request: FastifyRequest): boolean {
  return routeNeedsKey(request.method, request.routeOptions.config);
}

function keyOf(request: FastifyRequest): KeyedRequest {
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string' || key.length === 0 || key.length > 200) throw new WherryError('request.idempotency_key');
  const what = JSON.stringify([request.method, request.url, request.body ?? null], withoutSecrets);
  const { kind, name } = actorOf(request);
  return { actor: `${kind} ${name}`, key, hash: createHash('sha256').update(what).digest() };
}

/**
 * The digest is stored: one that a secret went into would let whoever reads it try passwords out. The query of an address stays
 * in it, though it may be a signature: it may as well be what tells two files apart (`?id=5`), and whoever sends another one
 * with the same key must not get the answer about the first. A signature has too many bits to be tried out, and a renewed one is
 * another request: it needs a new key.
 */
function withoutSecrets(name: string, value: unknown): unknown {
  return name === 'secrets' && typeof value === 'object' && value !== null ? Object.keys(value) : value;
}

async function replay(
  db: Db,
  keyed: KeyedRequest,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { key } = keyed;
  for (let waited = 0; waited < waitMs; waited += pollMs) {
    const kept = await keptAnswer(db.kysely, keyed);
    if (kept === null) throw new WherryError('request.in_progress', { key }); // it failed just now: try again
    if (!kept.sameRequest) throw new WherryError('request.idempotency_mismatch', { key });
    if (kept.status !== null) {
      if (request.routeOptions.config.secretAnswer === true && kept.response === null) {
        throw new WherryError('request.secret_answer', { key });
      }
      reply.header('idempotency-replayed', 'true').code(kept.status);
      if (kept.status >= 400) reply.type('application/problem+json');
      return reply.send(kept.response ?? undefined);
    }
    await sleep(pollMs);
  }
  throw new WherryError('request.in_progress', { key });
}

function mayKeep(status: number, answer: unknown): boolean {
  if (status < 400) return true;
  if (status >= 500 || typeof answer !== 'object' || answer === null || !('code' in answer)) return false;
  const entries: Readonly<Record<string, ErrorEntry>> = catalogue;
  return entries[String(answer.code)]?.passing !== true;
}
