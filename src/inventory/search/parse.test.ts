/** The grammar, what is said of errors, and bounds. */
import { expect, test } from 'vitest';
import { WherryError } from '../../model/errors.ts';
import type { Filter } from './ast.ts';
import { globMatches, globOf } from './glob.ts';
import { sizeOf } from './literals.ts';
import { matches } from './match.ts';
import { limits, parseFilter } from './parse.ts';
import { emptyDisk, emptyNic, vmObject } from './testing.ts';

const tib = 2 ** 40;
const vm = vmObject('web-01', {
  power: 'on',
  cpus: 4,
  memoryBytes: 8 * 2 ** 30,
  folder: "DC/vm/o'brien",
  hardwareVersion: 'vmx-13',
  disks: [emptyDisk, { ...emptyDisk, id: '2001', sizeBytes: 2 * tib, mode: 'independent_persistent' }],
  nics: [emptyNic],
  tags: ['env/prod'],
  facts: { 'vmware.cpuHotAdd': true, 'guest.disk./.freeBytes': 5e7 },
});
const provider = { name: 'vc1', type: 'vsphere' } as const;
const concerns = [{ code: 'vmware.tpm.detected', severity: 'warning', params: {} }] as const;
const isMet = (text: string): boolean => matches(parseFilter(text), { vm, provider, concerns });

test.each([
  'name ~ web* and power = on and disks.size > 1TiB and network = "VM Network"',
  '',
  '   ',
  'NAME = "WEB-01"',
  'web',
  '"eb-0"',
  'not db and web',
  "folder ~ *o'brien",
  'name in (db, "web-01") and name not in (a, b)',
  'cpus >= 4 and cpus<5 and cpus!=5',
  'memory = 8GiB and memory = 8192 MiB and memory = 8589934592',
  'has tag',
  'cluster is empty and tag is not empty',
  'facts.vmware.cpuHotAdd = yes',
  'facts."guest.disk./.freeBytes" < 100MB and facts.nothing is empty',
  'concern = vmware.tpm.detected and severity >= warning and severity < critical',
  'power = off or (power = on and not (power = off or template = yes))',
  'power = off and cpus = 1 or cpus = 4',
  'disks.mode ~ independent* and disks.mode = persistent',
  'hardware > 10 and nics.connected = true',
  'power != off and name !~ db*',
])('met: %s', (text) => {
  expect(isMet(text)).toBe(true);
});

test.each([
  'name ~ web',
  'db',
  'power = off',
  'disks.size > 2TiB',
  'has cluster',
  'cluster = x',
  'facts.vmware.cpuHotAdd = no',
])('not met: %s', (text) => expect(isMet(text)).toBe(false));

test('"and" binds more tightly than "or"', () => {
  const filter = parseFilter('a or b and c');
  expect(filter).toMatchObject({ kind: 'or', of: [{ kind: 'compare' }, { kind: 'and' }] });
});

const wrong: readonly [string, number, string, string][] = [
  ['has tags', 5, '"tags"', 'the name of a field'],
  ['nmae = x', 1, '"nmae"', 'the name of a field'],
  ['name', 5, 'the end', 'one of =, ~, !=, !~, in, is empty, is not empty'],
  ['name = ', 8, 'the end', 'a text to compare name with'],
  ['name == x', 7, '"="', 'a text to compare name with'],
  ['power = up', 9, '"up"', 'one of on, off, suspended, paused, unknown'],
  ['power ~ o*', 7, '"~"', 'one of =, !=, in, is empty'],
  ['disks.size > big', 14, '"big"', 'a size such as 100GiB'],
  ['disks.size > 99999PiB', 14, '"99999PiB"', 'a size'],
  ['cpus > 2.5', 8, '"2.5"', 'a whole number'],
  ['template = maybe', 12, '"maybe"', 'yes or no'],
  ['name = "x', 8, 'an unfinished "x"', 'a closing quotation mark'],
  ['(name = x', 10, 'the end', '"and", "or" or ")"'],
  ['name = x)', 9, '")"', '"and" or "or"'],
  ['name = x power = on', 10, '"power"', '"and" or "or"'],
  ['name in x', 9, '"x"', '"("'],
  ['name in (x', 11, 'the end', '"," or ")"'],
  ['name is nothing', 9, '"nothing"', '"empty" or "not empty"'],
  ['name not = x', 10, '"="', '"in"'],
  ['and x', 1, '"and"', 'a field'],
  ['host.maintenance = yes', 1, '"host.maintenance"', 'the name of a field'],
  ['facts.x > lots', 11, '"lots"', 'a number or a size'],
  ['facts. = 1', 8, '"="', 'the name of a fact'],
  ['name = \0', 8, 'a character that cannot be stored', 'a text'],
  ['name = "\ud800"', 9, 'a character that cannot be stored', 'a text'],
  ['__proto__ = x', 1, '"__proto__"', 'the name of a field'],
];
test.each(wrong)('%j is refused where it is wrong', (text, position, found, expected) => {
  const problem = problemOf(text);
  expect(problem.params).toMatchObject({ position, found });
  expect(problem.params['expected']).toContain(expected);
});

test('length, depth, conditions and lists are bounded', () => {
  expect(problemOf('x'.repeat(limits.length + 1)).code).toBe('search.filter_too_long');
  for (const deep of ['('.repeat(1_500), 'not '.repeat(900), '(not '.repeat(500)]) {
    expect(problemOf(`${deep}x`).params['expected']).toContain('levels');
  }
  expect(problemOf(Array.from({ length: limits.terms + 1 }, () => 'x').join(' or ')).params['expected']).toContain(
    'conditions',
  );
  const many = Array.from({ length: limits.listed + 1 }, () => 'x').join(',');
  expect(problemOf(`name in (${many})`).params['expected']).toContain('values');
  expect(depthOf(parseFilter(`${'('.repeat(limits.depth - 1)}x${')'.repeat(limits.depth - 1)}`))).toBe(1);
});

test('rules may ask for more than what is kept', () => {
  const filter = parseFilter('host.maintenance = yes', 'rules');
  const host = { version: '', cpus: 1, memoryBytes: 0, connection: '', maintenance: true, power: 'on' } as const;
  expect(matches(filter, { vm, provider, concerns: [], context: { type: 'vsphere', host } })).toBe(true);
  expect(matches(filter, { vm, provider, concerns: [] })).toBe(false);
});

test('a glob takes no more than its length times the text’s', () => {
  const parts = globOf('*a'.repeat(1_000));
  const began = performance.now();
  expect(globMatches(parts, `${'a'.repeat(30_000)}b`)).toBe(false);
  // A backtracking matcher would take years: no timing that a busy machine could break.
  expect(performance.now() - began).toBeLessThan(60_000);
});

test.each([
  ['1', 1],
  ['1B', 1],
  ['1KiB', 1024],
  ['1.5 TiB', 1.5 * tib],
  ['2tb', 2e12],
  ['7PiB', 7 * 2 ** 50],
  ['8PiB', null],
  ['-1', null],
  ['1e3', null],
  ['1 XB', null],
  ['GiB', null],
  ['1constructor', null],
  ['', null],
])('size %s', (text, bytes) => expect(sizeOf(text)).toBe(bytes));

function problemOf(text: string): WherryError {
  try {
    parseFilter(text);
  } catch (problem) {
    if (problem instanceof WherryError) return problem;
    throw problem;
  }
  throw new Error(`${text} was taken`);
}

function depthOf(filter: Filter): number {
  if (filter.kind === 'not') return 1 + depthOf(filter.of);
  return 'of' in filter ? 1 + Math.max(0, ...filter.of.map(depthOf)) : 1;
}
