/** Events: the list, and the stream that keeps the console live. */
import Type from 'typebox';
import { Event, Id, MaybeId, shownEvent } from './event.ts';
import { listEvents } from './event-store.ts';
import { openEventStream } from './event-stream.ts';
import type { Routes } from './routes.ts';

/** Newest first. `next` goes into `?before=` for the next page; null: this was the last. */
export const EventPage = Type.Object({ items: Type.Array(Event), next: MaybeId });

const streamText = `Server-sent events. Each has JSON data with a \`kind\`: \`migration\`, \`vm_migration\`, \`worker\` or \`provider\` (itself or its inventory)
with the \`id\` of what changed (read it again), \`event\` with the event itself (its id is the stream's event id), or \`reload\`: something
may have been missed, read again whatever is shown. With \`Last-Event-ID\` the events since then come first.`;

export const eventRoutes: Routes = {
  schemas: { Event, EventPage },
  register: (app, context) => {
    app.get(
      '/events',
      {
        config: { permission: 'viewer' },
        schema: {
          operationId: 'listEvents',
          summary: 'What happened, newest first',
          tags: ['events'],
          querystring: Type.Object(
            {
              migrationId: Type.Optional(Id),
              vmMigrationId: Type.Optional(Id),
              before: Type.Optional(Id),
              limit: Type.Integer({ minimum: 1, maximum: 500, default: 100 }),
            },
            { additionalProperties: false },
          ),
          response: { 200: EventPage },
        },
      },
      async (request) => {
        const { limit, ...query } = request.query;
        const rows = await listEvents(context.db.kysely, { ...query, limit: limit + 1 });
        const items = rows.slice(0, limit).map(shownEvent);
        return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null };
      },
    );
    app.get(
      '/events/stream',
      {
        config: { permission: 'viewer' },
        schema: {
          operationId: 'streamEvents',
          summary: 'Changes, as they happen',
          description: streamText,
          tags: ['events'],
          response: { 200: Type.String({ contentMediaType: 'text/event-stream' }) },
        },
      },
      async (request, reply) => {
        await openEventStream(context, request, reply);
        return reply;
      },
    );
  },
};
