/**
 * What was said of an inventory, so that only what has changed is said again; and the bridges and cards that NICs are plugged
 * into, which libvirt does not list: they are there as long as some VM uses them. Pure.
 */
import { createHash } from 'node:crypto';
import type { InventoryObject } from '../../../model/inventory.ts';
import type { InventoryNews } from '../../provider.ts';
import { type HostPlug, plugObject, plugRef } from './nics.ts';

type Key = { readonly kind: InventoryObject['kind']; readonly ref: string };

export type Published = {
  /** A VM with what it is plugged into; others without. Gives what is new of it: itself, a bridge, or nothing. */
  put(object: InventoryObject, plugs?: readonly HostPlug[]): InventoryObject[];
  /** Something of it was said that is no description: that it cannot be read. */
  mention(key: Key): void;
  /** Gives it back when anything was said of it. */
  remove(key: Key): Key[];
  /** Gives the bridges and cards that no VM uses any more. */
  unplugged(): Key[];
  refs(kind: InventoryObject['kind']): string[];
};

export function publishedObjects(hostRef: string): Published {
  const said = new Map<string, { key: Key; digest: string }>();
  const plugged = new Map<string, readonly HostPlug[]>();
  const isNew = (object: InventoryObject): boolean => {
    const digest = createHash('sha256').update(JSON.stringify(object)).digest('base64');
    const id = `${object.kind} ${object.ref}`;
    if (said.get(id)?.digest === digest) return false;
    said.set(id, { key: { kind: object.kind, ref: object.ref }, digest });
    return true;
  };
  const unplugged = (): Key[] => {
    const used = new Set([...plugged.values()].flat().map(plugRef));
    const gone = [...said.values()].filter(
      ({ key }) => key.kind === 'network' && isPlug(key.ref) && !used.has(key.ref),
    );
    for (const { key } of gone) said.delete(`network ${key.ref}`);
    return gone.map(({ key }) => key);
  };
  return {
    put: (object, plugs = []) => {
      if (object.kind === 'vm') plugged.set(object.ref, plugs);
      return [...plugs.map((plug) => plugObject(plug, hostRef)), object].filter(isNew);
    },
    remove: (key) => {
      if (key.kind === 'vm') plugged.delete(key.ref);
      return said.delete(`${key.kind} ${key.ref}`) ? [key] : [];
    },
    mention: (key) => {
      said.set(`${key.kind} ${key.ref}`, { key, digest: '' });
    },
    unplugged,
    refs: (kind) => [...said.values()].filter(({ key }) => key.kind === kind).map(({ key }) => key.ref),
  };
}

function isPlug(ref: string): boolean {
  return /^(bridge|direct):/.test(ref);
}

/** News of these, nothing when there are none. */
export function newsOf(put: readonly InventoryObject[], gone: readonly Key[]): InventoryNews[] {
  return [
    ...(put.length === 0 ? [] : [{ kind: 'put', objects: put } as const]),
    ...(gone.length === 0 ? [] : [{ kind: 'gone', objects: gone } as const]),
  ];
}
