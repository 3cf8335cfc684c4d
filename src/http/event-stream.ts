/**
 * One client's stream. Changes are collected for a fifth of a second, so that a copy's progress is a message and not a
 * hundred, and so that what is kept for a client is bounded. A client that does not read is cut off; it comes back with
 * `Last-Event-ID` by itself. A stream ends after half an hour, so that it does not outlive a session that was closed.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Change } from '../model/change.ts';
import { shownEvent } from './event.ts';
import { eventsById, eventsSince, type StoredEvent } from './event-store.ts';
import type { RouteContext } from './routes.ts';

const collectMs = 200;
const heartbeatMs = 15_000;
const longestMs = 30 * 60_000;
const mostPending = 1_000;
const mostReplayed = 1_000;
const slowBytes = 1024 * 1024;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export async function openEventStream(
  { db, hub, stopping }: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const last = request.headers['last-event-id'];
  const out = reply.raw;
  reply.hijack();
  const pending = new Map<string, Change>();
  const ended = new AbortController();
  const end = (): void => ended.abort();
  const stopListening = hub.subscribe((change) => {
    pending.set(JSON.stringify(change), change);
    if (pending.size <= mostPending) return;
    pending.clear();
    pending.set('reload', { kind: 'reload' });
  });
  const timers = [
    setInterval(() => void flush().catch(end), collectMs),
    setInterval(() => void out.write(': alive\n\n'), heartbeatMs),
    setTimeout(end, longestMs),
  ];
  ended.signal.addEventListener('abort', () => {
    stopListening();
    for (const timer of timers) clearTimeout(timer);
    stopping.removeEventListener('abort', end);
    out.end();
    if (out.writableLength > slowBytes) out.destroy();
  });
  out.on('close', end);
  out.on('error', end);
  stopping.addEventListener('abort', end);
  if (stopping.aborted) end();

  let flushing = false;
  async function flush(): Promise<void> {
    if (flushing || pending.size === 0 || ended.signal.aborted) return;
    if (out.writableLength > slowBytes) return end();
    flushing = true;
    const changes = [...pending.values()];
    pending.clear();
    try {
      const ids = changes.flatMap((change) => (change.kind === 'event' ? [change.id] : []));
      if (ids.length > 0) sendEvents(await eventsById(db.kysely, ids));
      for (const change of changes) if (change.kind !== 'event') out.write(`data: ${JSON.stringify(change)}\n\n`);
    } finally {
      flushing = false;
    }
  }
  function sendEvents(events: readonly StoredEvent[]): void {
    for (const event of events) {
      out.write(
        `id: ${event.id}\ndata: ${JSON.stringify({ kind: 'event', id: event.id, event: shownEvent(event) })}\n\n`,
      );
    }
  }

  out.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-accel-buffering': 'no',
  });
  out.write('retry: 1000\n\n');
  if (typeof last === 'string' && uuid.test(last)) {
    const missed = await eventsSince(db.kysely, last, mostReplayed).catch(end);
    if (missed !== undefined) sendEvents(missed);
    // Events are not all: what else changed meanwhile has to be read again.
    if (!ended.signal.aborted) out.write('data: {"kind":"reload"}\n\n');
  }
}
