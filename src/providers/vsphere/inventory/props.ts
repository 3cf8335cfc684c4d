/** One managed object with the properties that were read of it. */
import { decodeAny, decodeRef, FormatError } from '../vim25/decode.ts';
import { typeAtPath, type ManagedName, type PropertyAt, type Ref } from '../vim25/schema.ts';
import { VimFault } from '../vim25/soap.ts';
import { childOf, type XmlNode } from '../vim25/xml-reader.ts';

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

/** Null when it is of another kind. `readProps` has read every property as the table says. */
export function as<N extends ManagedName>(object: ManagedProps, type: N): Props<N> | null {
  return object.ref.type === type ? (object as unknown as Props<N>) : null;
}

/**
 * From an ObjectContent, or from an ObjectUpdate that tells all of it. @throws FormatError that names the property; VimFault when the session ended: an answer then
 * comes all the same, with every property missing.
 */
export function readProps(node: XmlNode): ManagedProps {
  const values = new Map<string, unknown>();
  const ref = refOf(node);
  for (const property of node.children) {
    if (property.name === 'missingSet') refuseWithout(property);
    if (property.name !== 'propSet' && property.name !== 'changeSet') continue;
    const name = childOf(property, 'name')?.text ?? '';
    const val = childOf(property, 'val');
    if (val === undefined) continue;
    try {
      values.set(name, decodeAny(val, typeAtPath(ref.type, name)));
    } catch (error) {
      throw error instanceof FormatError ? new FormatError(`${name}: ${error.message}`) : error;
    }
  }
  return new ManagedProps(ref, values);
}

function refuseWithout(missing: XmlNode): void {
  const fault = childOf(childOf(missing, 'fault') ?? missing, 'fault');
  if (fault?.type === 'NotAuthenticated') {
    throw new VimFault({ _type: 'NotAuthenticated', faultMessage: [] }, 'properties are missing because of it');
  }
}

/** Whose properties an ObjectContent holds, however broken the rest of it is. */
export function refOf(node: XmlNode): Ref {
  const obj = childOf(node, 'obj');
  if (obj === undefined) throw new FormatError('an object without a reference');
  return decodeRef(obj);
}
