/** What the property collector tells of one object: values with their types, and what it may not tell. */
import { typeOfPath } from '../store/path.ts';
import { readProperty, type ManagedObject } from '../store/store.ts';
import { localized, VimFault } from '../soap/fault.ts';
import { data, type Data, type Ref, type Value } from '../values.ts';

/** A value together with what the table says of its path: needed to write it. */
export type Told = { readonly path: string; readonly value: Value };

/** Properties that the account may not see: by object id, or by class. A test fills it. */
export class Hidden {
  readonly #hidden = new Map<string, Set<string>>();

  hide(ref: Ref, property: string): void {
    this.#hidden.set(ref.value, new Set([...(this.#hidden.get(ref.value) ?? []), property]));
  }

  isHidden(ref: Ref, path: string): boolean {
    const hidden = this.#hidden.get(ref.value);
    return hidden !== undefined && [...hidden].some((name) => path === name || path.startsWith(`${name}.`));
  }
}

export function tell(
  object: ManagedObject,
  paths: readonly string[],
  hidden: Hidden,
  sessionKey: string,
): { readonly told: Map<string, Value>; readonly missing: readonly Data[] } {
  const told = new Map<string, Value>();
  const missing: Data[] = [];
  for (const path of paths) {
    if (hidden.isHidden(object.ref, path)) {
      missing.push(data('MissingProperty', { path, fault: localized(noPermission(object.ref)) }));
      continue;
    }
    const value = readProperty(object, path, sessionKey);
    if (value !== undefined) told.set(path, value);
  }
  return { told, missing };
}

const noPermission = (object: Ref): VimFault =>
  new VimFault('NoPermission', 'Permission to perform this operation was denied.', {
    object,
    privilegeId: 'System.Read',
  });

const known = new Map<string, { readonly type: string; readonly array: boolean } | undefined>();

/** The declared type of a path, for `xsi:type` of its value. */
export function declared(
  managedType: string,
  path: string,
): { readonly type: string; readonly array: boolean } | undefined {
  const key = `${managedType} ${path}`;
  if (!known.has(key)) known.set(key, typeOfPath(managedType, path));
  return known.get(key);
}
