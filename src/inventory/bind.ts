/**
 * Which stored object is which object of the source. An object is recognised by its stable id, where it has one, whatever
 * its `ref` is now (a VM that was registered anew, a provider that was added again); otherwise by its `ref`. Where a
 * source gives two objects one stable id, the second is `second:` and a digest of id and `ref`, for good: nothing that a
 * source can say is equal to that. Pure but for `newId`.
 */
import { createHash } from 'node:crypto';
import { newId } from '../model/ids.ts';

export type Named = { readonly kind: string; readonly ref: string; readonly stableId: string | null };

export type Known = {
  readonly id: string;
  readonly kind: string;
  readonly identity: string;
  readonly ref: string;
  readonly gone: boolean;
  /** It was named by the full read that goes on now. */
  readonly named: boolean;
};

export type Bound<T extends Named> = { readonly object: T; readonly id: string; readonly identity: string };

export type Facts = {
  /** A full read goes on: what it has not named yet may be gone. */
  readonly reading: boolean;
  /** `keyOf` of what the same batch says is gone. */
  readonly leaving: ReadonlySet<string>;
};

export function keyOf(kind: string, ref: string): string {
  return `${kind} ${ref}`;
}

/** What an object is known by. */
export function identityOf({ stableId, ref }: Named): string {
  return bounded(stableId ?? ref);
}

/** What it is known by when another one holds that already. Nothing has it with another `ref`: who looks for that finds it. */
export function secondIdentityOf(object: Named): string {
  return `second:${digest(JSON.stringify([identityOf(object), object.ref]))}`;
}

/**
 * @param objects each kind and ref once
 * @param known all stored objects with one of their identities (`identityOf`) or refs
 * @returns each object with its id, and the ids of stored objects whose `ref` now means another one: they are gone
 */
export function bind<T extends Named>(
  objects: readonly T[],
  known: readonly Known[],
  { reading, leaving }: Facts,
): { bound: Bound<T>[]; displaced: string[] } {
  const byIdentity = new Map(known.map((row) => [keyOf(row.kind, row.identity), row]));
  const byRef = new Map(known.filter(({ gone }) => !gone).map((row) => [keyOf(row.kind, row.ref), row]));
  const displaced: string[] = [];
  /** Rows that an object of this batch has: none of them is a second object's. */
  const taken = new Set<string>();

  const bound = objects.map((object) => {
    const { kind, ref } = object;
    const wanted = identityOf(object);
    const holder = byIdentity.get(keyOf(kind, wanted));
    // Nearly all objects are new, or what they were: a digest of each costs more than all the rest.
    const mayBeSecond = known.length > 0 && holder?.ref !== ref;
    const second = mayBeSecond ? byIdentity.get(keyOf(kind, secondIdentityOf(object))) : undefined;
    const there = byRef.get(keyOf(kind, ref));
    const own = there !== undefined && taken.has(there.id) ? undefined : there;
    const isElsewhere =
      holder !== undefined &&
      holder.ref !== ref &&
      (taken.has(holder.id) || (!holder.gone && !leaving.has(keyOf(kind, holder.ref)) && (holder.named || !reading)));
    const isSecond = holder?.ref !== ref && (second?.ref === ref || isElsewhere);
    const identity = isSecond ? secondIdentityOf(object) : wanted;
    // What stood under this ref with another identity is the same object if nothing else is: only its stable id changed.
    const row = (isSecond ? second : holder) ?? own;
    const id = row?.id ?? newId();
    taken.add(id);
    if (own !== undefined && own.id !== id) displaced.push(own.id);
    if (row !== undefined) byIdentity.delete(keyOf(kind, row.identity));
    const now: Known = { id, kind, identity, ref, gone: false, named: true };
    byIdentity.set(keyOf(kind, identity), now);
    byRef.set(keyOf(kind, ref), now);
    return { object, id, identity };
  });
  const alive = new Set(bound.map(({ id }) => id));
  return { bound, displaced: displaced.filter((id) => !alive.has(id)) };
}

/** An index holds at most some 2,700 bytes: what is longer is known by its digest. */
const longestIdentityBytes = 600;

function bounded(identity: string): string {
  const isOurs = /^(sha256|second):/.test(identity);
  if (!isOurs && Buffer.byteLength(identity) <= longestIdentityBytes) return identity;
  return `sha256:${digest(identity)}`;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
