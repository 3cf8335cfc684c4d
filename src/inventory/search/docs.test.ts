/** docs/search.md and docs/concerns.md say what the code does. WHERRY_WRITE_DOCS=1 writes their tables. */
import { readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parseOwnRules } from '../../concerns/own-rules.ts';
import { factTable, fieldTable, ruleTable, withTable } from './docs.ts';
import { parseFilter } from './parse.ts';

test.each([
  [
    'search.md',
    [
      ['fields', fieldTable],
      ['facts', factTable],
    ],
  ],
  ['concerns.md', [['rules', ruleTable]]],
] as const)('%s has the tables of the code', async (name, tables) => {
  const file = new URL(`../../../docs/${name}`, import.meta.url);
  const text = await readFile(file, 'utf8');
  let made = text;
  for (const [title, make] of tables) made = withTable(made, title, make());
  if (process.env['WHERRY_WRITE_DOCS'] === '1') await writeFile(file, made);
  expect(await readFile(file, 'utf8')).toBe(made);
});

test('every example of docs/search.md is taken', async () => {
  const text = await readFile(new URL('../../../docs/search.md', import.meta.url), 'utf8');
  const examples = [...text.matchAll(/^ {4}(\S.*)$/gm)].map(([, example = '']) => example);
  expect(examples.length).toBeGreaterThan(8);
  for (const example of examples) expect(() => parseFilter(example)).not.toThrow();
});

test('the file of own rules in docs/concerns.md is taken as it is', async () => {
  const text = await readFile(new URL('../../../docs/concerns.md', import.meta.url), 'utf8');
  const [, file = ''] = /```json\n([\s\S]*?)```/.exec(text) ?? [];
  const { rules, problems } = parseOwnRules(file, 'docs/concerns.md');
  expect(problems).toEqual([]);
  expect(rules.length).toBeGreaterThan(1);
});
