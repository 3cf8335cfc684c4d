/** For load balancers and monitoring: `/healthz` and `/metrics`. */
import type { FastifyRequest } from 'fastify';
import { sql } from 'kysely';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import Type from 'typebox';
import type { Db } from '../db/db.ts';
import { WherryError } from '../model/errors.ts';
import { version } from '../version.ts';
import { migrationMetrics } from './metrics-store.ts';
import type { App } from './routes.ts';

export const Health = Type.Object({
  status: Type.Literal('ok'),
  version: Type.String(),
  node: Type.String(),
  database: Type.Object({ version: Type.String(), migration: Type.Integer() }),
});

const questionMs = 5_000;

/**
 * Metrics hold no secrets, but tell what goes on: they are for the machine itself and for who is signed in. A request that
 * a proxy passed on (`X-Forwarded-For`) is not from this machine.
 */
export function addHealth(app: App, db: Db): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'wherry_http_request_seconds',
    help: 'Time to answer a request, without streams and long polls',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [registry],
  });
  const connections = new Gauge({
    name: 'wherry_database_connections',
    help: 'Connections of this server to its database',
    labelNames: ['state'],
    registers: [registry],
  });
  app.addHook('onResponse', async (request, reply) => {
    const { url: route, config } = request.routeOptions;
    if (route === undefined || config.permission === 'worker') return;
    requests.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
  });
  app.get(
    '/healthz',
    {
      config: { permission: 'public' },
      schema: {
        operationId: 'getHealth',
        summary: 'Whether the server can work: 200, or 503 when its database does not answer',
        tags: ['health'],
        response: { 200: Health },
      },
    },
    async () => ({ status: 'ok' as const, version, node: process.version, database: await askDatabase(db) }),
  );
  app.get(
    '/metrics',
    {
      config: { permission: 'public' },
      schema: {
        operationId: 'getMetrics',
        summary: 'Metrics for Prometheus; from other machines with a token of a viewer',
        tags: ['health'],
        response: { 200: Type.String({ contentMediaType: 'text/plain' }) },
      },
    },
    async (request, reply) => {
      if (request.actor?.role == null && !isFromHere(request)) throw new WherryError('auth.required');
      connections.set({ state: 'idle' }, db.pool.idleCount);
      connections.set({ state: 'busy' }, db.pool.totalCount - db.pool.idleCount);
      connections.set({ state: 'waiting' }, db.pool.waitingCount);
      const ours = await migrationMetrics(db);
      return reply.type(registry.contentType).send(`${await registry.metrics()}${ours}`);
    },
  );
}

function isFromHere({ socket, headers }: FastifyRequest): boolean {
  const address = socket.remoteAddress ?? '';
  const isLoopback = address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:127.');
  return isLoopback && headers['x-forwarded-for'] === undefined && headers['forwarded'] === undefined;
}

async function askDatabase(db: Db): Promise<{ version: string; migration: number }> {
  const question = sql<{ version: string; migration: number }>`
    select current_setting('server_version') as version, (select max(number) from schema_migration) as migration`;
  const late = AbortSignal.timeout(questionMs);
  const tooLate = new Promise<never>((_, reject) => {
    late.addEventListener('abort', () => reject(new Error(`no answer within ${questionMs} ms`)));
  });
  try {
    const { rows } = await Promise.race([question.execute(db.kysely), tooLate]);
    return rows[0] ?? { version: 'unknown', migration: 0 };
  } catch (error) {
    throw new WherryError('server.database_unreachable', {}, error);
  }
}
