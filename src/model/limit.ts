/**
 * Bandwidth limits, as people set them: bytes per second over all copies together that a migration, a worker, a provider
 * or a host has under way. `id`: of a migration, worker or provider its id; of a host its name, in lower case.
 */
import Type from 'typebox';
import { StringEnum } from './schema.ts';

export const LimitScope = StringEnum(['migration', 'worker', 'provider', 'host']);
export type LimitScope = Type.Static<typeof LimitScope>;

/** Below this the blocks that a copy asks for take seconds each; above it there is no such network. */
export const slowestLimit = 64 * 1024;
const fastestLimit = 2 ** 44;
export const BytesPerSecond = Type.Integer({ minimum: slowestLimit, maximum: fastestLimit });

/** What names a limit everywhere: "worker:0193…", "host:kvm1". */
export function limitKey(scope: LimitScope, id: string): string {
  return `${scope}:${id}`;
}

/** Most keys that one copy may be under, and most limits that a worker is told of. */
export const mostLimits = 10_000;
/** The limits that hold for a worker now, by their key: its share of each. */
export const KeyedLimit = Type.Object({ key: Type.String({ maxLength: 600 }), bytesPerSecond: Type.Number() });
export type KeyedLimit = Type.Static<typeof KeyedLimit>;
