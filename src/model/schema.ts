import Type from 'typebox';

/** A string out of a fixed set, as `enum` in JSON Schema (a union of literals comes out as `anyOf` of one-value enums). */
export function StringEnum<const T extends readonly string[]>(values: T) {
  return Type.Unsafe<T[number]>({ type: 'string', enum: [...values] });
}
