import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { emptyDisk, vmObject } from '../inventory/search/testing.ts';
import { concernsOf } from './concerns-of.ts';
import { parseOwnRules, problemText } from './own-rules.ts';
import { createRuleBook } from './rule-book.ts';
import { productRules, ruleSet } from './rules.ts';
import { shownConcerns } from './shown.ts';

const good = {
  id: 'own.big',
  severity: 'critical',
  filter: 'disks.size > 1TiB',
  each: 'disk',
  text: 'Disk {disk} of {vm} is big',
  fix: 'Ask the storage team about {disk}.',
};
const vm = vmObject('web-01', {
  detail: 'full',
  disks: [
    { ...emptyDisk, name: 'system' },
    { ...emptyDisk, id: '2001', name: 'data', sizeBytes: 2 ** 41 },
  ],
});

test('own rules find, name and tell in their own words; they may ask for what others found', () => {
  const after = { ...good, id: 'own.after', each: undefined, filter: 'concern = own.big', text: '{vm}!', fix: 'Look.' };
  const { rules, problems } = parseOwnRules(JSON.stringify({ rules: [good, after] }), '/rules.json');
  expect(problems).toEqual([]);
  const set = ruleSet([...productRules.rules, ...rules]);
  const found = concernsOf(vm, { type: 'vsphere' }, set).filter(({ code }) => code.startsWith('own.'));
  expect(shownConcerns(found, set)).toMatchObject([
    {
      code: 'own.big',
      severity: 'critical',
      text: 'Disk data of web-01 is big',
      next: 'Ask the storage team about data.',
    },
    { code: 'own.after', text: 'web-01!' },
  ]);
  expect(set.version).not.toBe(productRules.version);
  // Their rule is gone, the concern is still stored.
  expect(shownConcerns(found, productRules)[0]).toMatchObject({ text: 'own.big' });
});

test('what is wrong in one rule is told with line and rule, and the others are taken', () => {
  const text = `{
  "comment": { "rules": [1, 2] },
  "rules": [
    ${JSON.stringify(good)},
    { "id": "own.typo", "severity": "warning", "text": "]", "fix": "{",
      "filter": "nmae = x" },
    { "id": "vmware.tpm.detected", "severity": "warning", "filter": "web", "text": "a", "fix": "b" },
    { "id": "own.severe", "severity": "fatal", "filter": "web", "text": "a", "fix": "b" },
    { "id": "own.param", "severity": "warning", "filter": "web", "text": "{disk}", "fix": "b" },
    "nonsense",
    { "id": "own.last", "severity": "information", "filter": "host.maintenance = yes", "text": "a", "fix": "b" }
  ]
}`;
  const { rules, problems } = parseOwnRules(text, '/rules.json');
  expect(rules.map(({ id }) => id)).toEqual(['own.big', 'own.last']);
  const told = problems.map(({ params }) => [params['line'], params['rule'], params['problem']]);
  expect(told).toEqual([
    [5, 'own.typo', expect.stringContaining('character 1: there is "nmae"')],
    [7, 'vmware.tpm.detected', expect.stringContaining('a rule of Wherry has this id')],
    [8, 'own.severe', expect.stringContaining('"severity"')],
    [9, 'own.param', expect.stringContaining('{disk}')],
    [10, 'number 6', expect.any(String)],
  ]);
});

test('a rule that asks for what rules do not know is refused: it would say nothing, or the wrong thing, for ever', () => {
  const filters = ['provider = vc1', 'not (web or (power = on and has provider))', 'provider.type = vsphere'];
  const given = filters.map((filter, at) => ({ ...good, id: `own.${at}`, filter }));
  const { rules, problems } = parseOwnRules(JSON.stringify({ rules: given }), '/rules.json');
  expect(problems.map(({ params }) => params['rule'])).toEqual(['own.0', 'own.1']);
  expect(rules.map(({ id }) => id)).toEqual(['own.2']);
});

test.each([
  ['{ "rules": [\n {\n  "id": oops } ] }', 3],
  ['{ "rules": [\n\n', 3],
])('what is not JSON is told with its line: %j', (text, line) => {
  const { rules, problems } = parseOwnRules(text, '/rules.json');
  expect(rules).toEqual([]);
  expect(problems).toHaveLength(1);
  expect(problems[0]?.params).toMatchObject({ path: '/rules.json', line });
  expect(problems.map(problemText)[0]).toContain(`line ${line}`);
});

test('the file is read when it comes, changes, breaks and goes; the product’s rules stay', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'wherry-rules-'));
  try {
    const file = join(directory, 'rules.json');
    const book = createRuleBook(file);
    expect(await book.refresh()).toBe(false);
    expect(book.current()).toBe(productRules);
    await writeFile(file, JSON.stringify({ rules: [good] }));
    expect(await book.refresh()).toBe(true);
    expect(book.current().rules).toHaveLength(productRules.rules.length + 1);
    const { version } = book.current();
    expect(await book.refresh()).toBe(false);
    await writeFile(file, JSON.stringify({ rules: [{ ...good, filter: 'disks.size > 2TiB' }] }));
    expect(await book.refresh()).toBe(true);
    expect(book.current().version).not.toBe(version);
    await writeFile(file, 'broken');
    expect(await book.refresh()).toBe(true);
    expect(book.current()).toBe(productRules);
    expect(book.problems()).toHaveLength(1);
    await rm(file);
    expect(await book.refresh()).toBe(true);
    expect(book.problems()).toEqual([]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
