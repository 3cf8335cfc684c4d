/** Asks a filter of a VM in memory. The same answer as the database gives (sql.ts): a test compares the two. */
import type { Filter, Operand } from './ast.ts';
import type { Field, Plain, Subject } from './field.ts';
import { globMatches } from './glob.ts';
import { fold } from './traits.ts';

type Comparison = Extract<Filter, { kind: 'compare' }>;
type Predicate = (subject: Subject) => boolean;
type Test = (value: Plain) => boolean;

export function matches(filter: Filter, subject: Subject): boolean {
  return predicateOf(filter)(subject);
}

/** For whoever asks many: what the filter says is looked at once. */
export function predicateOf(filter: Filter): Predicate {
  switch (filter.kind) {
    case 'and':
      return allOf(filter.of.map(predicateOf));
    case 'or':
      return anyOf(filter.of.map(predicateOf));
    case 'not': {
      const of = predicateOf(filter.of);
      return (subject) => !of(subject);
    }
    case 'empty': {
      const { field, fact } = filter;
      return (subject) => field.of(subject, fact).every((value) => value === '');
    }
    case 'compare':
      return comparisonOf(filter);
    default:
      return filter satisfies never;
  }
}

/**
 * Whether it may match the same VM with only a part of its lists. False is sure: a list that has no value that it asks for has
 * none in its parts. Cheaper than asking each part.
 */
export function partPredicateOf(filter: Filter): Predicate {
  switch (filter.kind) {
    case 'and':
      return allOf(filter.of.map(partPredicateOf));
    case 'or':
      return anyOf(filter.of.map(partPredicateOf));
    case 'not':
    case 'empty':
      return () => true;
    case 'compare':
      // What has one value may be a number or a sum of what is in a list.
      return filter.field.many ? comparisonOf(filter) : () => true;
    default:
      return filter satisfies never;
  }
}

function allOf(of: readonly Predicate[]): Predicate {
  return (subject) => of.every((one) => one(subject));
}

function anyOf(of: readonly Predicate[]): Predicate {
  return (subject) => of.some((one) => one(subject));
}

function comparisonOf(filter: Comparison): Predicate {
  const { field, fact } = filter;
  const tests = filter.operands.map((operand) => testOf(filter, operand));
  const [only] = tests;
  const holds: Test = tests.length === 1 && only !== undefined ? only : (value) => tests.some((test) => test(value));
  return (subject) => {
    for (const value of field.of(subject, fact)) if (holds(value)) return true;
    return false;
  };
}

function testOf({ field, operator }: Comparison, operand: Operand): Test {
  const { number, glob } = operand;
  if (operator === 'glob') return (value) => typeof value === 'string' && globMatches(glob, fold(value));
  if (operator === 'eq') return (value) => equals(field, value, operand);
  if (number === null) return () => false;
  return (value) => typeof value === 'number' && compare(value, number)[operator];
}

function equals({ type }: Field, value: Plain, { text, number, boolean }: Operand): boolean {
  if (typeof value === 'boolean') return value === boolean;
  if (typeof value === 'number') return value === number;
  // Folded it is as long as before.
  if (value.length !== text.length || (type !== 'text' && type !== 'enum' && type !== 'fact')) return false;
  return value === text || fold(value) === text;
}

function compare(a: number, b: number): Record<'lt' | 'le' | 'gt' | 'ge', boolean> {
  return { lt: a < b, le: a <= b, gt: a > b, ge: a >= b };
}
