import { declared } from './content.ts';
import { data, isData, isRef, type Value } from '../values.ts';

/**
 * A property's value with its declared type, for the writer: numbers, enumerations and lists do not show it themselves
 * (an empty list, a long that is small).
 */
export function typed(managedType: string, path: string, value: Value): Value {
  if (isData(value) || isRef(value)) return value;
  const type = declared(managedType, path);
  return type === undefined ? value : data('Typed', { value, type: type.type });
}
