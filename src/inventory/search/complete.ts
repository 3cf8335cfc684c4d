/**
 * What may stand where the cursor is. The text before it is parsed as far as it goes: what the grammar expects at its end is
 * what is offered. Values that only the database knows are named by field, for whoever can ask it.
 */
import { facts } from '../../concerns/facts.ts';
import { Expected, type Expectation, operatorsOf } from './expect.ts';
import type { Field } from './field.ts';
import { fields } from './fields.ts';
import { isUnit, unitNames } from './literals.ts';
import { keywords, parseTokens, type Scope } from './parse.ts';
import { type Token, tokensOf } from './tokens.ts';
import { fold } from './traits.ts';

export type Suggestion = {
  /** What replaces `from` to `to`. */
  readonly text: string;
  readonly kind: 'field' | 'operator' | 'value' | 'keyword';
  /** What it is; empty where the text says it. */
  readonly detail: string;
};

export type Completion = {
  /** What of the filter is replaced, in UTF-16 units. */
  readonly from: number;
  readonly to: number;
  readonly suggestions: readonly Suggestion[];
  /** Set where stored values fit as well: those of `field` that begin with `prefix` (folded). */
  readonly values: { readonly field: Field; readonly prefix: string; readonly isGlob: boolean } | null;
};

export function completionAt(text: string, cursor: number, scope: Scope = 'search'): Completion {
  const head = text.slice(0, cursor);
  const tokens = tokensOf(head).filter(({ kind }) => kind !== 'end');
  const last = tokens.at(-1);
  const partial = last !== undefined && isPartial(last, head.length) ? last : undefined;
  const before = partial === undefined ? tokens : tokens.slice(0, -1);
  const from = partial?.from ?? head.length;
  const prefix = fold(partial?.text ?? '');
  const to = endOf(text, from, head.length);
  const expectation = expectedAfter(before, from, scope);
  if (expectation === null) return { from, to, suggestions: [], values: null };
  const isQuoted = partial?.kind === 'string';
  const suggestions = isQuoted && expectation.kind !== 'value' ? [] : offered(expectation, prefix, scope);
  const values = expectation.kind === 'value' && expectation.field.type === 'text' ? expectation : null;
  return {
    from,
    to,
    suggestions,
    values: values === null ? null : { field: values.field, prefix, isGlob: values.operator === 'glob' },
  };
}

/** A value as it has to be written: in quotes where it needs them, and no glob where it is none. */
export function written(value: string, isGlob = false): string {
  const escaped = value.replace(isGlob ? /[\\*?]/g : /\\/g, '\\$&');
  const isPlain = /^[^\s(),=!~<>"']+$/.test(value) && !(keywords as readonly string[]).includes(value.toLowerCase());
  return isPlain ? escaped : `"${escaped.replaceAll('"', '\\"')}"`;
}

/** A word that ends where the cursor is, or a string that has not ended. */
function isPartial({ kind, to, open }: Token, cursor: number): boolean {
  return (kind === 'word' && to === cursor) || (kind === 'string' && open);
}

/** The rest of a word that the cursor stands in goes with it. */
function endOf(text: string, from: number, cursor: number): number {
  const token = tokensOf(text).find((one) => one.from === from && (one.kind === 'word' || one.kind === 'string'));
  return token === undefined || token.open ? cursor : Math.max(cursor, token.to);
}

/** Null when something is wrong further in front. */
function expectedAfter(tokens: readonly Token[], at: number, scope: Scope): Expectation | null {
  if (tokens.length === 0) return { kind: 'term' };
  const end: Token = { kind: 'end', text: '', pattern: '', from: at, to: at, open: false };
  try {
    parseTokens([...tokens, end], scope);
    return { kind: 'connective' };
  } catch (problem) {
    if (!(problem instanceof Expected)) throw problem;
    return problem.token.kind === 'end' ? problem.expectation : null;
  }
}

function offered(expectation: Expectation, prefix: string, scope: Scope): Suggestion[] {
  return all(expectation, prefix, scope).filter(({ text }) => fold(text).startsWith(prefix));
}

function all(expectation: Expectation, prefix: string, scope: Scope): Suggestion[] {
  switch (expectation.kind) {
    case 'term':
      return [...fieldNames(prefix, scope), ...words('not', 'has')];
    case 'field':
      return fieldNames(prefix, scope);
    case 'connective':
      return expectation.open === true ? words('and', 'or', ')') : words('and', 'or');
    case 'empty':
      return expectation.negated ? words('empty') : words('empty', 'not empty');
    case 'in':
      return words('in');
    case 'list':
      return words('(');
    case 'list-end':
      return words(')', ',');
    case 'operator':
      return operatorsOf(expectation.field).map((text) => ({ text, kind: 'operator', detail: '' }));
    case 'value':
      return fixedValues(expectation.field, prefix);
    case 'fact':
    case 'quote':
    case 'limit':
      return [];
    default:
      return expectation satisfies never;
  }
}

function words(...texts: readonly string[]): Suggestion[] {
  return texts.map((text) => ({ text, kind: 'keyword', detail: '' }));
}

function fieldNames(prefix: string, scope: Scope): Suggestion[] {
  if (prefix.startsWith('facts.')) {
    return facts
      .filter(({ of, name }) => (of === 'vm' || scope === 'rules') && !name.includes('<'))
      .map(({ name, what }) => ({ text: `facts.${name}`, kind: 'field', detail: what }));
  }
  return fields
    .filter(({ place }) => place !== null || scope === 'rules')
    .map(({ name, type, doc }) => ({ text: type === 'fact' ? `${name}.` : name, kind: 'field', detail: doc }));
}

function fixedValues({ type, values }: Field, prefix: string): Suggestion[] {
  if (type === 'boolean') return valuesOf(['yes', 'no']);
  if (type === 'enum' || type === 'rank') return valuesOf(values);
  const digits = /^\d{1,9}/.exec(prefix)?.[0];
  if (type !== 'size' || digits === undefined) return [];
  const rest = prefix.slice(digits.length);
  const units = unitNames.filter((unit) => unit.toLowerCase().startsWith(rest) && isUnit(unit));
  return valuesOf(units.map((unit) => `${digits}${unit}`));
}

function valuesOf(texts: readonly string[]): Suggestion[] {
  return texts.map((text) => ({ text, kind: 'value', detail: '' }));
}
