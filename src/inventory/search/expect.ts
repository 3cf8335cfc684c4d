/** What the grammar wanted at a place: the text of an error, and what completion offers there. */
import { WherryError } from '../../model/errors.ts';
import type { CompareOperator } from './ast.ts';
import type { Field } from './field.ts';
import { unitNames } from './literals.ts';
import type { Token } from './tokens.ts';

export type Expectation =
  | { readonly kind: 'term' | 'field' | 'fact' | 'in' | 'list' | 'list-end' | 'quote' }
  /** `open`: a parenthesis is. */
  | { readonly kind: 'connective'; readonly open?: boolean }
  | { readonly kind: 'empty'; readonly negated: boolean }
  | { readonly kind: 'operator'; readonly field: Field }
  | { readonly kind: 'value'; readonly field: Field; readonly operator: CompareOperator }
  | { readonly kind: 'limit'; readonly what: string };

/** Thrown inside the parser only. */
export class Expected extends Error {
  readonly expectation: Expectation;
  readonly token: Token;

  constructor(expectation: Expectation, token: Token) {
    super(`expected ${expectation.kind}`);
    this.expectation = expectation;
    this.token = token;
  }

  toError(): WherryError {
    const { token, expectation } = this;
    const params = { position: token.from + 1, length: Math.max(1, token.to - token.from) };
    return new WherryError('search.filter_wrong', { ...params, found: foundIn(token), expected: textOf(expectation) });
  }
}

const mostShown = 60;

function foundIn({ kind, text, open }: Token): string {
  if (kind === 'end') return 'the end';
  if (kind === 'wrong') return 'a character that cannot be stored';
  const shown = text.length > mostShown ? `${text.slice(0, mostShown).toWellFormed()}…` : text;
  return `${open ? 'an unfinished ' : ''}"${shown}"`;
}

function textOf(expectation: Expectation): string {
  switch (expectation.kind) {
    case 'term':
      return 'a field, a text to look for, "not", "has" or "("';
    case 'field':
      return 'the name of a field';
    case 'fact':
      return 'the name of a fact right after "facts."';
    case 'in':
      return '"in"';
    case 'list':
      return '"(" and a list of values';
    case 'list-end':
      return '"," or ")"';
    case 'quote':
      return 'a closing quotation mark';
    case 'connective':
      return expectation.open === true ? '"and", "or" or ")"' : '"and" or "or"';
    case 'empty':
      return expectation.negated ? '"empty"' : '"empty" or "not empty"';
    case 'operator':
      return `one of ${operatorsOf(expectation.field).join(', ')}`;
    case 'value':
      return valueText(expectation.field, expectation.operator);
    case 'limit':
      return expectation.what;
    default:
      return expectation satisfies never;
  }
}

function valueText({ name, type, values }: Field, operator: CompareOperator): string {
  if (operator === 'glob') return 'a text with * and ?';
  switch (type) {
    case 'enum':
    case 'rank':
      return `one of ${values.join(', ')}`;
    case 'boolean':
      return 'yes or no';
    case 'number':
      return 'a whole number';
    case 'size':
      return `a size such as 100GiB (${unitNames.join(', ')})`;
    case 'fact':
      return operator === 'eq' ? 'a value' : 'a number or a size';
    case 'text':
      return `a text to compare ${name} with`;
    default:
      return type satisfies never;
  }
}

/** As they are written, the most used first. */
export function operatorsOf({ type }: Field): string[] {
  const ordered = ['>', '>=', '<', '<='];
  switch (type) {
    case 'text':
      return ['=', '~', '!=', '!~', 'in', 'is empty', 'is not empty'];
    case 'enum':
      return ['=', '!=', 'in', 'is empty'];
    case 'boolean':
      return ['=', '!=', 'is empty'];
    case 'rank':
      return ['>=', '=', '!=', '>', '<', '<=', 'in'];
    case 'number':
    case 'size':
      return [...ordered, '=', '!=', 'in', 'is empty'];
    case 'fact':
      return ['=', '!=', '~', '!~', ...ordered, 'in', 'is empty', 'is not empty'];
    default:
      return type satisfies never;
  }
}
