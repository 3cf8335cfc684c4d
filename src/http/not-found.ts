/** 404 for what is nowhere, 405 for what is there with another method. */
import type { FastifyRequest } from 'fastify';
import { WherryError } from '../model/errors.ts';
import { sendProblem } from './problem.ts';
import type { KnownRoute } from './openapi.ts';
import type { App } from './routes.ts';

export function addNotFound(app: App, known: readonly KnownRoute[]): void {
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request);
    const allowed = known.filter(({ url }) => matches(url, path)).map(({ method }) => method);
    if (allowed.length === 0) return sendProblem(reply, new WherryError('request.no_route', { path }));
    const methods = [...new Set(allowed)].join(', ');
    reply.header('allow', methods);
    return sendProblem(reply, new WherryError('request.method', { method: request.method, path, allowed: methods }));
  });
}

function pathOf(request: FastifyRequest): string {
  return (request.url.split('?')[0] ?? '').slice(0, 200);
}

function matches(pattern: string, path: string): boolean {
  if (pattern.includes('*')) return false;
  const expected = pattern.split('/');
  const given = path.split('/');
  return expected.length === given.length && expected.every((part, at) => part.startsWith(':') || part === given[at]);
}
