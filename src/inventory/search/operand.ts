/** A value of a filter, read as its field wants it. */
import type { CompareOperator, Operand } from './ast.ts';
import type { Field } from './field.ts';
import { globOf } from './glob.ts';
import { booleanOf, factNumberOf, isUnit, sizeOf, wholeNumberOf } from './literals.ts';
import type { Token } from './tokens.ts';
import { fold } from './traits.ts';

/**
 * Null when it is no such value. `tokens` is 2 when the unit stood apart ("1 TiB").
 * @param after the token after it
 */
export function operandOf(
  { text, pattern, kind }: Token,
  after: Token,
  field: Field,
  operator: CompareOperator,
): (Operand & { readonly tokens: 1 | 2 }) | null {
  const made = (more: Partial<Operand>, tokens: 1 | 2 = 1): Operand & { readonly tokens: 1 | 2 } => ({
    text: fold(text),
    number: null,
    boolean: null,
    glob: [],
    tokens,
    ...more,
  });
  if (operator === 'glob') return made({ glob: globOf(fold(pattern)) });
  const isOrdered = operator !== 'eq';
  switch (field.type) {
    case 'text':
      return made({});
    case 'enum': {
      return field.values.includes(fold(text)) ? made({}) : null;
    }
    case 'rank': {
      const number = field.values.indexOf(fold(text));
      return number < 0 ? null : made({ number });
    }
    case 'boolean': {
      const boolean = booleanOf(text);
      return boolean === null ? null : made({ boolean });
    }
    case 'number': {
      const number = wholeNumberOf(text);
      return number === null ? null : made({ number });
    }
    case 'size': {
      const apart = kind === 'word' && after.kind === 'word' && isUnit(after.text) && /^[\d.]+$/.test(text);
      const number = sizeOf(apart ? `${text} ${after.text}` : text);
      return number === null ? null : made({ number }, apart ? 2 : 1);
    }
    case 'fact': {
      const number = factNumberOf(text);
      return isOrdered && number === null ? null : made({ number, boolean: booleanOf(text) });
    }
    default:
      return field.type satisfies never;
  }
}
