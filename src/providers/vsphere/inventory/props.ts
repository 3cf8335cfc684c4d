/** One managed object with the properties that were read of it. */
import type { ManagedName, PropertyAt, Ref } from '../vim25/schema.ts';

/** As it was read: any kind of object, its properties by their paths. */
export class ManagedProps {
  readonly ref: Ref;
  readonly #values: ReadonlyMap<string, unknown>;

  constructor(ref: Ref, values: ReadonlyMap<string, unknown>) {
    this.ref = ref;
    this.#values = values;
  }

  get(path: string): unknown {
    return this.#values.get(path);
  }
}

/** The same of a known kind. Undefined where the server did not give it: it has none, or we may not see it. */
export type Props<N extends ManagedName> = {
  readonly ref: Ref;
  get<P extends string>(path: P): PropertyAt<N, P> | undefined;
};

/** Null when it is of another kind. `readTold` has read every property as the table says. */
export function as<N extends ManagedName>(object: ManagedProps, type: N): Props<N> | null {
  return object.ref.type === type ? (object as unknown as Props<N>) : null;
}
