/** A filter, understood: fields exist, values have their types. Made by parse.ts alone. */
import type { Field } from './field.ts';
import type { GlobPart } from './glob.ts';

/** The words of the language for comparing. `!=` and `!~` are `not` around `eq` and `glob`. */
export type CompareOperator = 'eq' | 'glob' | 'lt' | 'le' | 'gt' | 'ge';

/** One value, in every reading that its field allows; null where it has none. */
export type Operand = {
  /** Folded. */
  readonly text: string;
  readonly number: number | null;
  readonly boolean: boolean | null;
  /** For `glob`; empty otherwise. */
  readonly glob: readonly GlobPart[];
};

export type Filter =
  /** An empty `and` is always true: the empty filter. */
  | { readonly kind: 'and' | 'or'; readonly of: readonly Filter[] }
  | { readonly kind: 'not'; readonly of: Filter }
  | {
      readonly kind: 'compare';
      readonly field: Field;
      /** Of the field `facts`: which one; empty otherwise. */
      readonly fact: string;
      readonly operator: CompareOperator;
      /** `in` has several; the others have one. Any of them suffices. */
      readonly operands: readonly Operand[];
    }
  /** Nothing is known of it, or it has no text. */
  | { readonly kind: 'empty'; readonly field: Field; readonly fact: string };
