import { expect, test } from 'vitest';
import { completionAt, written } from './complete.ts';
import { matches } from './match.ts';
import { parseFilter } from './parse.ts';
import { vmObject, vocabulary } from './testing.ts';

/** `|` is the cursor. */
function at(text: string) {
  const cursor = text.indexOf('|');
  const { suggestions, values, ...range } = completionAt(text.replace('|', ''), cursor);
  return { ...range, texts: suggestions.map((one) => one.text), values };
}

test('nothing yet: all fields and what may begin a filter', () => {
  const { texts } = at('|');
  expect(texts).toEqual(expect.arrayContaining(['name', 'disks.size', 'facts.', 'not', 'has']));
  expect(texts).not.toContain('host.maintenance');
  expect(completionAt('', 0, 'rules').suggestions.map(({ text }) => text)).toContain('host.maintenance');
});

test.each([
  ['disks.s|', 0, 7, ['disks.size', 'disks.shared', 'disks.serial']],
  ['power = on and DIS|', 15, 18, expect.arrayContaining(['disks.count', 'disks.size'])],
  ['power |', 6, 6, ['=', '!=', 'in', 'is empty']],
  ['power = |', 8, 8, ['on', 'off', 'suspended', 'paused', 'unknown']],
  ['power = o|', 8, 9, ['on', 'off']],
  ['power in (on, o|', 14, 15, ['on', 'off']],
  ['power = o|n and cpus = 1', 8, 10, ['on', 'off']],
  ['severity >= w|', 12, 13, ['warning']],
  ['template = |', 11, 11, ['yes', 'no']],
  ['disks.size > 10|', 13, 15, expect.arrayContaining(['10GiB', '10TB'])],
  ['disks.size > 10g|', 13, 16, ['10GiB', '10GB']],
  ['power = on |', 11, 11, ['and', 'or']],
  ['(power = on |', 12, 12, ['and', 'or', ')']],
  ['power = on a|', 11, 12, ['and']],
  ['name is |', 8, 8, ['empty', 'not empty']],
  ['name not |', 9, 9, ['in']],
  ['power in |', 9, 9, ['(']],
  ['has net|', 4, 7, ['network']],
  ['facts.vmware.cpuHot|', 0, 19, ['facts.vmware.cpuHotAdd', 'facts.vmware.cpuHotRemove']],
  ['nmae = x and |', 13, 13, []],
])('%s', (text, from, to, texts) => {
  expect(at(text)).toMatchObject({ from, to, texts });
});

test.each([
  ['network = |', 'network', '', false],
  ['network ~ VM|', 'network', 'vm', true],
  ['network = "VM Ne|', 'network', 'vm ne', false],
  ['host in (esx1, es|', 'host', 'es', false],
])('stored values: %s', (text, field, prefix, isGlob) => {
  expect(at(text).values).toMatchObject({ field: { name: field }, prefix, isGlob });
});

test('a value is written so that it is read as itself', () => {
  for (const name of vocabulary.filter((one) => one !== '')) {
    const subject = { vm: vmObject(name), provider: { name: 'x', type: 'ova' }, concerns: [] } as const;
    for (const text of [`name = ${written(name)}`, `name ~ ${written(name, true)}`]) {
      expect([text, matches(parseFilter(text), subject)]).toEqual([text, true]);
    }
    expect(matches(parseFilter(`name ~ ${written('a*b', true)}`), subject)).toBe(name === 'a*b');
  }
});
