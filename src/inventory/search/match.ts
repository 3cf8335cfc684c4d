/** Asks a filter of a VM in memory. The same answer as the database gives (sql.ts): a test compares the two. */
import type { Filter, Operand } from './ast.ts';
import type { Field, Plain, Subject } from './field.ts';
import { globMatches } from './glob.ts';
import { fold } from './traits.ts';

type Comparison = Extract<Filter, { kind: 'compare' }>;

export function matches(filter: Filter, subject: Subject): boolean {
  switch (filter.kind) {
    case 'and':
      return filter.of.every((one) => matches(one, subject));
    case 'or':
      return filter.of.some((one) => matches(one, subject));
    case 'not':
      return !matches(filter.of, subject);
    case 'empty':
      return filter.field.of(subject, filter.fact).every((value) => value === '');
    case 'compare':
      return filter.field.of(subject, filter.fact).some((value) => holds(filter, value));
    default:
      return filter satisfies never;
  }
}

function holds({ field, operator, operands }: Comparison, value: Plain): boolean {
  return operands.some((operand) => {
    if (operator === 'glob') return typeof value === 'string' && globMatches(operand.glob, fold(value));
    if (operator === 'eq') return equals(field, value, operand);
    return typeof value === 'number' && operand.number !== null && compare(value, operand.number)[operator];
  });
}

function equals({ type }: Field, value: Plain, { text, number, boolean }: Operand): boolean {
  if (typeof value === 'boolean') return value === boolean;
  if (typeof value === 'number') return value === number;
  return (type === 'text' || type === 'enum' || type === 'fact') && fold(value) === text;
}

function compare(a: number, b: number): Record<'lt' | 'le' | 'gt' | 'ge', boolean> {
  return { lt: a < b, le: a <= b, gt: a > b, ge: a >= b };
}
