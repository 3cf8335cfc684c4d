/** Headers that every answer carries: nothing is guessed, framed, cached or referred to elsewhere. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from './routes.ts';

/** For the console and the API's page: only our own files; styles also inline, as React components set them. */
export const pagePolicy = [
  "default-src 'self'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "style-src 'self' 'unsafe-inline'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

export function addHeaders(app: App): void {
  app.addHook('onSend', async (request, reply, payload) => {
    setHeaders(request, reply);
    return payload;
  });
}

/** For answers that no hook sees. */
export function setHeaders(request: FastifyRequest, reply: FastifyReply): void {
  reply.header('x-content-type-options', 'nosniff');
  reply.header('referrer-policy', 'no-referrer');
  reply.header('x-frame-options', 'DENY');
  reply.header('cross-origin-resource-policy', 'same-origin');
  reply.header('x-request-id', request.id);
  if (request.protocol === 'https') reply.header('strict-transport-security', 'max-age=31536000');
  const isPage = String(reply.getHeader('content-type') ?? '').startsWith('text/html');
  reply.header('content-security-policy', isPage ? pagePolicy : "default-src 'none'; frame-ancestors 'none'");
  if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
}
