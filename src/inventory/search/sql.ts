/**
 * A filter as a condition in SQL, over `v` (inventory_search), `p` (provider) and, where `needsObject` says so, `o`
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
      return sql`coalesce(${any(operands, (operand) => one(place, field.type, operator, operand))}, false)`;
    case 'stored':
      return sql`coalesce(${any(operands, (operand) => one(unfolded(sql`(o.data ->> ${place.key}::text)`), 'text', operator, operand))}, false)`;
    case 'numbers':
      return any(operands, (operand) => sql`(${operand.number}::bigint ${turned[operator]} any(${place.at}))`);
    case 'set':
      return hasSet(
        place.of,
        any(operands, (operand) => one(folded(sql`e.value`), 'text', operator, operand)),
      );
    case 'texts':
      return texts(place.of, operator, operands);
    case 'trait':
      return traits(place.name, operator, operands);
    case 'list': {
      const text = sql`(e.value ->> ${place.key}::text)`;
      const at = field.type === 'number' ? sql`${text}::numeric` : sql`nullif(${text}, '')`;
      const inner = any(operands, (operand) => one(unfolded(at), field.type, operator, operand));
      return sql`exists (select 1 from jsonb_array_elements(o.data -> ${place.list}::text) as e(value) where ${inner})`;
    }
    case 'facts':
      return sql`coalesce(${any(operands, (operand) => ofFact(fact, operator, operand))}, false)`;
    default:
      return place satisfies never;
  }
}

const orders = { lt: sql`<`, le: sql`<=`, gt: sql`>`, ge: sql`>=` } as const;
/** With the value on the left; a glob is never asked of numbers. */
const turned = { eq: sql`=`, glob: sql`=`, lt: sql`>`, le: sql`>=`, gt: sql`<`, ge: sql`<=` } as const;

type Value = { readonly at: Expression<unknown>; readonly isFolded: boolean };
const unfolded = (at: Expression<unknown>): Value => ({ at, isFolded: false });
const folded = (at: Expression<unknown>): Value => ({ at, isFolded: true });

/** May be null. */
function one(value: Value, type: Field['type'], operator: CompareOperator, operand: Operand): Condition {
  const { at } = value;
  if (operator === 'glob') return sql`${textOf(value)} like ${likeOf(operand.glob)}::text`;
  if (type === 'text' || type === 'enum') return sql`${textOf(value)} = ${operand.text}::text`;
  if (type === 'boolean') return sql`${at} = ${operand.boolean}::boolean`;
  return sql`${at} ${operator === 'eq' ? sql`=` : orders[operator]} ${operand.number}::bigint`;
}

function traits(name: string, operator: CompareOperator, operands: readonly Operand[]): Condition {
  if (operator === 'eq') {
    const words = operands.map(({ text, boolean }) => `${name}=${boolean === null ? text : String(boolean)}`);
    return sql`(v.traits in (select s.id from inventory_set s where s.kind = 'traits' and s.words && ${words}::text[]))`;
  }
  return hasSet(
    'traits',
    any(operands, ({ glob }) => sql`e.value like ${likeOf([...literal(`${name}=`), ...glob])}::text`),
  );
}

/** Whether its list has an element `e.value` of which this holds: asked of each list once, however many VMs have it. */
function hasSet(kind: Extract<Place, { kind: 'set' }>['of'] | 'traits', inner: Condition): Condition {
  return sql`(${sql.ref(`v.${kind}`)} in (select s.id from inventory_set s
    where s.kind = ${sql.lit(kind)} and exists (select 1 from unnest(s.words) as e(value) where ${inner})))`;
}

/**
 * First whether all its values in one text have such a part: that leaves few to be looked at. (A subquery for one value,
 * because PostgreSQL would make a join of EXISTS, and look at all.)
 */
function texts(of: 'ips' | 'macs', operator: CompareOperator, operands: readonly Operand[]): Condition {
  const at = sql.ref(`v.${of}`);
  const parts = operands.map(({ text, glob }) => (operator === 'glob' ? glob : literal(text)));
  const may = parts.map((part) => sql<SqlBool>`${at} like ${`%${likeOf(part)}%`}::text`);
  const inner = any(operands, (operand) => one(unfolded(sql`e.value`), 'text', operator, operand));
  return sql`(${joined(may, sql` or `, sql<SqlBool>`false`)} and coalesce((select true from inventory_vm w, unnest(${sql.ref(`w.${of}`)}) as e(value)
    where w.object_id = v.object_id and ${inner} limit 1), false))`;
}

function literal(text: string) {
  return Array.from(text).map((character) => ({ kind: 'is', text: character }) as const);
}

/** A fact is compared as what it is: text with text, numbers with numbers, yes and no with themselves. */
function ofFact(fact: string, operator: CompareOperator, { text, number, boolean, glob }: Operand): Condition {
  const value = factAt(fact);
  const asText = sql`(${value} #>> '{}')`;
  const isA = (type: string): Condition => sql`jsonb_typeof(${value}) = ${type}::text`;
  const lowered = textOf(unfolded(asText));
  if (operator === 'glob') return sql`(${isA('string')} and ${lowered} like ${likeOf(glob)}::text)`;
  const asNumber = (order: RawBuilder<unknown>): Condition =>
    // CASE, because PostgreSQL may otherwise convert before it looks at the type.
    sql`(case when ${isA('number')} then ${asText}::float8 ${order} ${number}::float8 else false end)`;
  if (operator !== 'eq') return asNumber(orders[operator]);
  const ways = [sql<SqlBool>`(${isA('string')} and ${lowered} = ${text}::text)`];
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
    case 'numbers':
      return sql`(cardinality(${place.at}) = 0)`;
    case 'set':
      return sql`(not ${hasSet(place.of, sql`e.value <> ''`)})`;
    case 'texts':
      return sql`(${sql.ref(`v.${place.of}`)} = '')`; // empty ones are not kept: vm-row.ts
    case 'trait':
      return sql`(not ${hasSet('traits', sql`starts_with(e.value, ${`${place.name}=`}::text)`)})`;
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
function textOf({ at, isFolded }: Value): Expression<unknown> {
  return isFolded ? at : sql`lower((${at})::text collate "C")`;
}

function any(operands: readonly Operand[], of: (operand: Operand) => Condition): Condition {
  return joined(operands.map(of), sql` or `, sql<SqlBool>`false`);
}

function joined(parts: readonly Condition[], by: RawBuilder<unknown>, none: Condition): Condition {
  return parts.length === 0 ? none : sql`(${sql.join(parts, by)})`;
}
