/**
 * Text that PostgreSQL cannot hold: NUL, and halves of surrogate pairs. People are told so; what a worker sends (it may be
 * the output of any tool) is made storable instead, because refusing its report would only make it send it again.
 */
import { Readable } from 'node:stream';
import { WherryError } from '../model/errors.ts';
import type { App } from './routes.ts';

const maxDepth = 64;

export function addStorableCheck(app: App): void {
  app.addHook('preValidation', async (request) => {
    const { permission } = request.routeOptions.config;
    if (permission === 'worker') {
      request.body = storable(request.body);
      return;
    }
    // Bytes that are handed on as they come are no text.
    const body = request.body instanceof Readable ? null : request.body;
    for (const [part, value] of Object.entries({ body, query: request.query, path: request.params })) {
      if (!isStorable(value)) {
        throw new WherryError('request.invalid', {
          problem: `${part} holds a NUL character or half of a surrogate pair`,
        });
      }
    }
  });
}

function isStorable(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\u0000');
  if (typeof value !== 'object' || value === null) return true;
  if (depth > maxDepth) return false;
  return Object.entries(value).every(([name, inner]) => isStorable(name) && isStorable(inner, depth + 1));
}

/** The same value when nothing has to change. */
export function storable(value: unknown, depth = 0): unknown {
  if (isStorable(value)) return value;
  if (typeof value === 'string') return value.toWellFormed().replaceAll('\u0000', '\ufffd');
  if (typeof value !== 'object' || value === null || depth > maxDepth) return null;
  if (Array.isArray(value)) return value.map((inner) => storable(inner, depth + 1));
  const entries = Object.entries(value).map(([name, inner]) => [String(storable(name)), storable(inner, depth + 1)]);
  return Object.fromEntries(entries);
}
