/** The database and memory give the same answer: random VMs, random filters, a real PostgreSQL. */
import * as fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../db/testing.ts';
import { newId } from '../../model/ids.ts';
import { written } from './complete.ts';
import { operatorsOf } from './expect.ts';
import type { Field } from './field.ts';
import { fields } from './fields.ts';
import { matches, partPredicateOf, predicateOf } from './match.ts';
import { parseFilter } from './parse.ts';
import { conditionOf } from './sql.ts';
import { addProvider, addVms, factNames, someConcerns, someVm, type StoredVm, vocabulary } from './testing.ts';

const provider = { name: 'vCenter One', type: 'vsphere' } as const;
const seed = 20261121;
let database: TestDatabase;
let vms: readonly StoredVm[];

beforeAll(async () => {
  database = await createTestDatabase();
  const { systemId } = await addProvider(database.db, provider.name, provider.type);
  vms = fc
    .sample(fc.tuple(someVm, someConcerns), { numRuns: 150, seed })
    .map(([vm, concerns]) => ({ id: newId(), vm, concerns }));
  await addVms(database.db, systemId, vms);
});
afterAll(() => database.close());

const searchable = fields.filter(({ place }) => place !== null);

function valueFor({ type, values }: Field, operator: string): fc.Arbitrary<string> {
  if (operator.includes('~')) {
    const parts = fc.constantFrom(...vocabulary, '*', '?', '\\*', '\\');
    return fc
      .array(parts, { maxLength: 3 })
      .map((all) => `"${all.join('').replace(/["]/g, '\\"').replace(/\\$/, '')}"`);
  }
  switch (type) {
    case 'text':
      return fc
        .constantFrom(...vocabulary, 'connected', 'vmdk', '10.0.0.1', provider.name, 'ova.name.invalid')
        .map((one) => written(one) || '""');
    case 'enum':
    case 'rank':
      return fc.constantFrom(...values);
    case 'boolean':
      return fc.constantFrom('yes', 'no', 'TRUE', 'false');
    case 'number':
      return fc.constantFrom('0', '1', '2', '7', '13');
    case 'size':
      return fc.constantFrom('0', '1', '1GiB', '16 GiB', '1TiB', '1.5TB', '4PiB');
    case 'fact':
      return fc.constantFrom('13', '-1.5', '1TiB', '0', ...(/[<>]/.test(operator) ? [] : ['yes', 'Web', '""']));
    default:
      return type satisfies never;
  }
}

const comparison: fc.Arbitrary<string> = fc.constantFrom(...searchable).chain((field) => {
  const name =
    field.type === 'fact'
      ? fc.constantFrom(...factNames).map((fact) => `facts."${fact.replaceAll('"', '\\"')}"`)
      : fc.constant(field.name);
  return fc.tuple(name, fc.constantFrom(...operatorsOf(field))).chain(([left, operator]) => {
    if (operator.startsWith('is')) return fc.constant(`${left} ${operator}`);
    if (operator !== 'in') return valueFor(field, operator).map((value) => `${left} ${operator} ${value}`);
    const values = fc.array(valueFor(field, '='), { minLength: 1, maxLength: 3 });
    return fc.tuple(values, fc.boolean()).map(([all, not]) => `${left} ${not ? 'not ' : ''}in (${all.join(', ')})`);
  });
});

const { filter } = fc.letrec<{ filter: string }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3 },
    comparison,
    fc.tuple(tie('filter'), fc.constantFrom('and', 'or'), tie('filter')).map(([a, word, b]) => `(${a} ${word} ${b})`),
    tie('filter').map((inner) => `not (${inner})`),
    fc.constantFrom('web', 'has disks.rdm', '"a%"'),
  ),
}));

async function fromDatabase(text: string): Promise<string[]> {
  const found = await sql<{ id: string }>`
    select v.object_id as id from inventory_search v
    join provider p on p.system_id = v.system_id
    join inventory_object o on o.id = v.object_id
    where ${conditionOf(parseFilter(text))}`.execute(database.db.kysely);
  return found.rows.map(({ id }) => id).sort();
}

function fromMemory(text: string): string[] {
  const parsed = parseFilter(text);
  const subjects = vms.filter(({ vm, concerns }) => matches(parsed, { vm, concerns, provider }));
  return subjects.map(({ id }) => id).sort();
}

test('the same VMs are found in the database and in memory', { timeout: 120_000 }, async () => {
  let some = 0;
  await fc.assert(
    fc.asyncProperty(filter, async (text) => {
      const found = await fromDatabase(text);
      expect(found).toEqual(fromMemory(text));
      if (found.length > 0 && found.length < vms.length) some += 1;
    }),
    { numRuns: 1_500, seed },
  );
  // Or nothing would have been compared.
  expect(some).toBeGreaterThan(500);
});

test('what a part of a VM meets is not ruled out by the whole of it', { timeout: 60_000 }, () => {
  let [met, ruledOut] = [0, 0];
  const wrong: string[] = [];
  const parts = vms.slice(0, 40).flatMap(({ vm, concerns }) =>
    (['disks', 'nics', 'devices', 'snapshots'] as const).flatMap((list) =>
      vm.data[list].map((one) => {
        const part = { ...vm, data: { ...vm.data, [list]: [one] } };
        return [vm, part].map((each) => ({ vm: each, concerns, provider }));
      }),
    ),
  );
  fc.assert(
    fc.property(filter, (text) => {
      const parsed = parseFilter(text);
      const [holds, mayHold] = [predicateOf(parsed), partPredicateOf(parsed)];
      for (const [whole, part] of parts) {
        if (whole === undefined || part === undefined) continue;
        if (holds(part) && !mayHold(whole)) wrong.push(text);
        met += holds(part) ? 1 : 0;
        ruledOut += mayHold(whole) ? 0 : 1;
      }
    }),
    { numRuns: 500, seed },
  );
  expect(wrong).toEqual([]);
  expect(Math.min(met, ruledOut)).toBeGreaterThan(1_000);
});

test.each(searchable.map((one) => [one.name, one] as const))('%s by itself', { timeout: 60_000 }, async (_, field) => {
  for (const operator of operatorsOf(field)) {
    const name = field.type === 'fact' ? 'facts.n' : field.name;
    const values = operator.startsWith('is') ? [''] : fc.sample(valueFor(field, operator), { numRuns: 12, seed });
    for (const value of values) {
      const text = `${name} ${operator} ${operator === 'in' ? `(${value})` : value}`;
      expect([text, await fromDatabase(text)]).toEqual([text, fromMemory(text)]);
    }
  }
});
