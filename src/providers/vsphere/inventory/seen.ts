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
  const values: unknown[] = [];
  for (const place of followedIn(object.ref.type)) values.push(valueAt(object, place) ?? null);
  const print = JSON.stringify(values);
  return print.length > longestPrint ? hash('sha256', print, 'base64') : print;
}

/** A path that is followed, and what may have been read instead of it: something that holds it, and the steps from there. */
type Followed = {
  readonly path: string;
  readonly held: readonly (readonly [path: string, steps: readonly string[]])[];
};

const followedByType = new Map<string, readonly Followed[]>();

function followedIn(type: string): readonly Followed[] {
  const known = followedByType.get(type);
  if (known !== undefined) return known;
  const followed = followedOf(type).map((path) => {
    const steps = path.split('.');
    const held = steps.slice(1).map((_, at) => {
      const length = steps.length - 1 - at;
      return [steps.slice(0, length).join('.'), steps.slice(length)] as const;
    });
    return { path, held };
  });
  // Kinds that are not ours have nothing followed, and there is no end of them.
  if (followed.length > 0) followedByType.set(type, followed);
  return followed;
}

/** Also where only something that holds it was read: `summary` for `summary.capacity`. */
function valueAt(object: ManagedProps, { path, held }: Followed): unknown {
  const own = object.get(path);
  if (own !== undefined) return own;
  for (const [holder, steps] of held) {
    const holding = object.get(holder);
    if (holding !== undefined) return steps.reduce(fieldOf, holding);
  }
  return undefined;
}

function fieldOf(value: unknown, name: string): unknown {
  return value instanceof Object ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}
