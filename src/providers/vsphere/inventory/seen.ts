/**
 * What was read of each object of that which is followed. Whoever learns afterwards what is there now finds out by it what has
 * changed since the read, and need not have asked before it. Pure.
 */
import { hash } from 'node:crypto';
import type { Ref } from '../vim25/schema.ts';
import { followedOf } from './properties.ts';
import type { ManagedProps } from './props.ts';

export class Seen {
  readonly #objects = new Map<string, { readonly ref: Ref; readonly print: string }>();

  add(object: ManagedProps): void {
    this.#objects.set(object.ref.value, { ref: object.ref, print: printOf(object) });
  }

  /** It was read, and what is followed of it was the same. */
  has(object: ManagedProps): boolean {
    return this.#objects.get(object.ref.value)?.print === printOf(object);
  }

  refs(): Map<string, Ref> {
    return new Map([...this.#objects].map(([value, { ref }]) => [value, ref]));
  }
}

const longestPrint = 200;

function printOf(object: ManagedProps): string {
  const print = JSON.stringify(followedOf(object.ref.type).map((path) => valueAt(object, path) ?? null));
  return print.length > longestPrint ? hash('sha256', print, 'base64') : print;
}

/** Also where only something that holds it was read: `summary` for `summary.capacity`. */
function valueAt(object: ManagedProps, path: string): unknown {
  const own = object.get(path);
  if (own !== undefined) return own;
  const steps = path.split('.');
  for (let length = steps.length - 1; length > 0; length -= 1) {
    const held = object.get(steps.slice(0, length).join('.'));
    if (held !== undefined) return steps.slice(length).reduce(fieldOf, held);
  }
  return undefined;
}

function fieldOf(value: unknown, name: string): unknown {
  return value instanceof Object ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}
