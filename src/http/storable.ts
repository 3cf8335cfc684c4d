/**
 * Text that PostgreSQL cannot hold: NUL, and halves of surrogate pairs. People are told so; what a worker sends (it may be
 * the output of any tool) is made storable instead, because refusing its report would only make it send it again.
 */
import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { WherryError } from '../model/errors.ts';
import type { App } from './routes.ts';

const maxDepth = 64;

export function addStorableCheck(app: App): void {
  /** Requests whose body was seen to hold neither, as text: asking each value of a large one costs much more. */
  const clean = new WeakSet<FastifyRequest>();
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    const text = String(body);
    // JSON cannot have a NUL but as an escape, nor can UTF-8 have half a pair.
    if (!/\\u(?:0000|[dD][89a-fA-F])/.test(text)) clean.add(request);
    void parse(request, text, done);
  });
  app.addHook('preValidation', async (request) => {
    const { permission } = request.routeOptions.config;
    const isClean = clean.has(request);
    if (permission === 'worker') {
      request.body = storable(request.body, isClean);
      return;
    }
    // Bytes that are handed on as they come are no text.
    const body = request.body instanceof Readable ? null : request.body;
    for (const [part, value] of Object.entries({ body, query: request.query, path: request.params })) {
      if (!isStorable(value, isClean && part === 'body')) {
        throw new WherryError('request.invalid', {
          problem: `${part} holds a NUL character or half of a surrogate pair`,
        });
      }
    }
  });
}

/** @param isClean its text is known to be storable: only how deep it goes is looked at */
function isStorable(value: unknown, isClean: boolean, depth = 0): boolean {
  if (typeof value === 'string') return isClean || (value.isWellFormed() && !value.includes('\u0000'));
  if (typeof value !== 'object' || value === null) return true;
  if (depth > maxDepth) return false;
  const names = isClean ? [] : Object.keys(value);
  return (
    names.every((name) => isStorable(name, false)) &&
    (Array.isArray(value) ? value : Object.values(value)).every((inner) => isStorable(inner, isClean, depth + 1))
  );
}

/** The same value when nothing has to change. */
export function storable(value: unknown, isClean = false, depth = 0): unknown {
  if (isStorable(value, isClean, depth)) return value;
  if (typeof value === 'string') return value.toWellFormed().replaceAll('\u0000', '\ufffd');
  if (typeof value !== 'object' || value === null || depth > maxDepth) return null;
  if (Array.isArray(value)) return value.map((inner) => storable(inner, isClean, depth + 1));
  const entries = Object.entries(value).map(([name, inner]) => [
    String(storable(name)),
    storable(inner, isClean, depth + 1),
  ]);
  return Object.fromEntries(entries);
}
