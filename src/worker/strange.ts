/** What the server would not take: it refuses a whole batch for one object that is otherwise, again and again. */
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import { InventoryObject, type Unreadable } from '../model/inventory.ts';

const isObject = Compile(InventoryObject);

/** Null where the server takes it; else what it is listed as. */
export function strangeOrNull(object: { readonly ref: string; readonly name?: string }): Unreadable | null {
  return isObject.Check(object) ? null : strange(object);
}

/** A name or a number of it is none that can be stored. */
function strange(object: { readonly ref: string; readonly name?: string }): Unreadable {
  const name = (object.name ?? object.ref).slice(0, 200);
  const kind = 'kind' in object ? object.kind : '';
  const own = InventoryObject.anyOf.find(({ properties }) => properties.kind.const === kind);
  const [first] = own === undefined ? [] : Value.Errors(own, object);
  const what = first === undefined ? '' : `${first.instancePath.slice(1).replaceAll('/', '.')} ${first.message}`;
  return { ref: object.ref, name, code: 'provider.object_strange', params: { name, what }, causes: [] };
}
