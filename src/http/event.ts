/** An event as the API shows it. */
import Type from 'typebox';
import { StringEnum } from '../model/schema.ts';
import type { StoredEvent } from './event-store.ts';

export const Id = Type.String({ format: 'uuid' });
export const MaybeId = Type.Union([Id, Type.Null()]);

export const Event = Type.Object({
  id: Id,
  time: Type.String({ format: 'date-time' }),
  actor: Type.String(),
  code: Type.String(),
  params: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])),
  severity: StringEnum(['information', 'warning', 'error', 'critical']),
  migrationId: MaybeId,
  vmMigrationId: MaybeId,
});
export type Event = Type.Static<typeof Event>;
export function shownEvent(event: StoredEvent): Event {
  return { ...event, params: { ...event.params }, time: event.time.toISOString() };
}
