/**
 * How a worker keeps the server's inventory of a provider (DESIGN.md 2 and 5). Beside the messages of
 * migration/protocol.ts, in the same manner: the worker speaks first, every write carries a token.
 *
 *     commands   its `watches` names the providers that this worker should watch, each with a token
 *     watch      give me the account and the secrets of this watch          → 410 when the token is stale
 *     inventory  a batch of news, numbered                                  → 410 when the token is stale
 *     watching   how it goes: state, error, what the certificate is now     → 410 when the token is stale
 *
 * A watch has one owner: the worker that `via` names, or the one that the server chose. A new token (new owner, changed
 * account, an administrator who asked for a fresh read) makes the old one stale; the worker stops and starts anew.
 */
import Type from 'typebox';
import { InventoryKind, InventoryObject, Unreadable } from '../model/inventory.ts';
import { ProviderAccount, SecretsSchema } from '../model/provider.ts';
import { StringEnum } from '../model/schema.ts';
import { StoredErrorSchema } from '../migration/protocol.ts';

const Id = Type.String({ format: 'uuid' });

export const WatchRequest = Type.Object({ workerId: Id, bootId: Id, token: Id });
export type WatchRequest = Type.Static<typeof WatchRequest>;
/** Each answer is a new beginning: batches are numbered on from its `sequence`, and what an earlier one sends is void. */
export const WatchAnswer = Type.Object({
  account: ProviderAccount,
  secrets: SecretsSchema,
  sequence: Type.Integer({ minimum: 0 }),
});
export type WatchAnswer = Type.Static<typeof WatchAnswer>;

export const InventoryNewsSchema = Type.Union([
  Type.Object({ kind: Type.Literal('put'), objects: Type.Array(InventoryObject, { maxItems: 1_000 }) }),
  Type.Object({
    kind: Type.Literal('gone'),
    objects: Type.Array(Type.Object({ kind: InventoryKind, ref: Type.String() }), { maxItems: 10_000 }),
  }),
  Type.Object({ kind: Type.Literal('unreadable'), objects: Type.Array(Unreadable, { maxItems: 1_000 }) }),
  Type.Object({
    kind: Type.Literal('snapshot'),
    product: Type.String(),
    version: Type.String(),
    systemId: Type.String({ minLength: 1, maxLength: 4096 }),
  }),
  Type.Object({ kind: Type.Literal('synced') }),
]);

/** A batch that was taken already is answered again and changes nothing. */
export const InventoryBatch = Type.Object({
  token: Id,
  sequence: Type.Integer({ minimum: 0 }),
  news: Type.Array(InventoryNewsSchema, { maxItems: 100 }),
});
export type InventoryBatch = Type.Static<typeof InventoryBatch>;

/**
 * What the server cannot tell from `watch` (connecting) and from the news themselves (`snapshot`: reading, `synced`:
 * following). `stopped`: it is no use trying again before somebody has changed something (wrong password, changed certificate).
 */
export const Watching = Type.Object({
  token: Id,
  state: StringEnum(['retrying', 'stopped']),
  error: Type.Union([StoredErrorSchema, Type.Null()]),
  retryInMs: Type.Union([Type.Integer(), Type.Null()]),
});
export type Watching = Type.Static<typeof Watching>;
