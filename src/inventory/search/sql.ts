/**
 * A filter as a condition in SQL, over `v` (inventory_vm), `p` (provider) and, where `needsObject` says so, `o`
 * (inventory_object). Whatever a person wrote is a parameter; what is text here is ours. Every condition is true or false,
 * never null, so that `not` means what it says: what is not known equals nothing.
 */
import { type Expression, type RawBuilder, type SqlBool, sql } from 'kysely';
import type { CompareOperator, Filter, Operand } from './ast.ts';
import type { Field, Place } from './field.ts';
import { likeOf } from './glob.ts';

type Condition = RawBuilder<SqlBool>;
type Comparison = Extract<Filter, { kind: 'compare' }>;

export function conditionOf(filter: Filter): Condition {
  switch (filter.kind) {
    case 'and':
      return joined(filter.of.map(conditionOf), sql` and `, sql<SqlBool>`true`);
    case 'or':
      return joined(filter.of.map(conditionOf), sql` or `, sql<SqlBool>`false`);
    case 'not':
      return sql<SqlBool>`(not ${conditionOf(filter.of)})`;
    case 'empty':
      return empty(filter.field, filter.fact);
    case 'compare':
      return compared(filter);
    default:
      return filter satisfies never;
  }
}

/** Whether any field of it is in the stored VM alone. */
export function needsObject(filter: Filter): boolean {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return filter.of.some(needsObject);
    case 'not':
      return needsObject(filter.of);
    case 'empty':
    case 'compare':
      return ['list', 'stored', 'facts'].includes(filter.field.place?.kind ?? '');
    default:
      return filter satisfies never;
  }
}

function placeOf({ name, place }: Field): Place {
  if (place === null) throw new Error(`the field ${name} is not in the database`);
  return place;
}

function compared({ field, fact, operator, operands }: Comparison): Condition {
  const place = placeOf(field);
  switch (place.kind) {
    case 'column':
      return sql`coalesce(${any(operands, (operand) => one(place.at, field.type, operator, operand))}, false)`;
    case 'stored':
      return sql`coalesce(${any(operands, (operand) => one(sql`(o.data ->> ${place.key}::text)`, 'text', operator, operand))}, false)`;
    case 'array': {
      const type = place.of === 'text' ? 'text' : 'number';
      const inner = any(operands, (operand) => one(sql`e.value`, type, operator, operand));
      return sql`exists (select 1 from unnest(${place.at}) as e(value) where ${inner})`;
    }
    case 'trait':
      return traits(place.name, operator, operands);
    case 'list': {
      const text = sql`(e.value ->> ${place.key}::text)`;
      const at = field.type === 'number' ? sql`${text}::numeric` : sql`nullif(${text}, '')`;
      const inner = any(operands, (operand) => one(at, field.type, operator, operand));
      return sql`exists (select 1 from jsonb_array_elements(o.data -> ${place.list}::text) as e(value) where ${inner})`;
    }
    case 'facts':
      return sql`coalesce(${any(operands, (operand) => ofFact(fact, operator, operand))}, false)`;
    default:
      return place satisfies never;
  }
}

const orders = { lt: sql`<`, le: sql`<=`, gt: sql`>`, ge: sql`>=` } as const;

/** May be null. */
function one(at: Expression<unknown>, type: Field['type'], operator: CompareOperator, operand: Operand): Condition {
  if (operator === 'glob') return sql`${folded(at)} like ${likeOf(operand.glob)}::text`;
  if (type === 'text' || type === 'enum') return sql`${folded(at)} = ${operand.text}::text`;
  if (type === 'boolean') return sql`${at} = ${operand.boolean}::boolean`;
  return sql`${at} ${operator === 'eq' ? sql`=` : orders[operator]} ${operand.number}::bigint`;
}

function traits(name: string, operator: CompareOperator, operands: readonly Operand[]): Condition {
  if (operator === 'eq') {
    const words = operands.map(({ text, boolean }) => `${name}=${boolean === null ? text : String(boolean)}`);
    return sql`(v.traits && ${words}::text[])`;
  }
  const inner = any(operands, ({ glob }) => sql`e.value like ${likeOf([...literal(`${name}=`), ...glob])}::text`);
  return sql`exists (select 1 from unnest(v.traits) as e(value) where ${inner})`;
}

function literal(text: string) {
  return Array.from(text).map((character) => ({ kind: 'is', text: character }) as const);
}

/** A fact is compared as what it is: text with text, numbers with numbers, yes and no with themselves. */
function ofFact(fact: string, operator: CompareOperator, { text, number, boolean, glob }: Operand): Condition {
  const value = factAt(fact);
  const asText = sql`(${value} #>> '{}')`;
  const isA = (type: string): Condition => sql`jsonb_typeof(${value}) = ${type}::text`;
  if (operator === 'glob') return sql`(${isA('string')} and ${folded(asText)} like ${likeOf(glob)}::text)`;
  const asNumber = (order: RawBuilder<unknown>): Condition =>
    // CASE, because PostgreSQL may otherwise convert before it looks at the type.
    sql`(case when ${isA('number')} then ${asText}::float8 ${order} ${number}::float8 else false end)`;
  if (operator !== 'eq') return asNumber(orders[operator]);
  const ways = [sql<SqlBool>`(${isA('string')} and ${folded(asText)} = ${text}::text)`];
  if (number !== null) ways.push(asNumber(sql`=`));
  if (boolean !== null) ways.push(sql<SqlBool>`${value} = to_jsonb(${boolean}::boolean)`);
  return joined(ways, sql` or `, sql<SqlBool>`false`);
}

function factAt(fact: string): RawBuilder<unknown> {
  return sql`(o.data -> 'facts' -> ${fact}::text)`;
}

function empty(field: Field, fact: string): Condition {
  const place = placeOf(field);
  const isText = field.type === 'text';
  switch (place.kind) {
    case 'column':
      return field.type === 'text' ? sql`(coalesce(${place.at}, '') = '')` : sql`(${place.at} is null)`;
    case 'stored':
      return sql`(coalesce(o.data ->> ${place.key}::text, '') = '')`;
    case 'array':
      return place.of === 'number'
        ? sql`(cardinality(${place.at}) = 0)`
        : sql`(not exists (select 1 from unnest(${place.at}) as e(value) where e.value <> ''))`;
    case 'trait':
      return sql`(not exists (select 1 from unnest(v.traits) as e(value) where starts_with(e.value, ${`${place.name}=`}::text)))`;
    case 'list': {
      const text = sql`(e.value ->> ${place.key}::text)`;
      const has = isText ? sql`${text} <> ''` : sql`${text} is not null`;
      return sql`(not exists (select 1 from jsonb_array_elements(o.data -> ${place.list}::text) as e(value) where ${has}))`;
    }
    case 'facts':
      return sql`(coalesce(${factAt(fact)} in ('null'::jsonb, '""'::jsonb), true))`;
    default:
      return place satisfies never;
  }
}

/** PostgreSQL's lower() under "C": A to Z alone. */
function folded(at: Expression<unknown>): RawBuilder<string> {
  return sql`lower((${at})::text collate "C")`;
}

function any(operands: readonly Operand[], of: (operand: Operand) => Condition): Condition {
  return joined(operands.map(of), sql` or `, sql<SqlBool>`false`);
}

function joined(parts: readonly Condition[], by: RawBuilder<unknown>, none: Condition): Condition {
  return parts.length === 0 ? none : sql`(${sql.join(parts, by)})`;
}
