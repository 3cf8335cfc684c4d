import { expect, test } from 'vitest';
import { catalogue, type ErrorEntry, explain, located, toStored, WherryError } from './errors.ts';

const full = { errno: 'ENOSPC', where: '/pool/web.qcow2', offset: 4096 };

test('what is not known is left out of a message, and named once it is', () => {
  const error = new WherryError('transfer.no_space', full, new Error('no room'));
  expect(error.message).toBe('there is no space left for /pool/web.qcow2 (at byte 4096 of the disk)');
  const placed = toStored(located(located(error, { disk: 'Hard Disk 1' }), { vm: 'web', host: 'h1', offset: 1 }));
  expect(explain(placed)).toMatchObject({
    message:
      'VM web: disk Hard Disk 1: there is no space left for /pool/web.qcow2 on host h1 (at byte 4096 of the disk)',
    causes: ['no room'],
  });
});

test('what is not of the catalogue is located nowhere', () => {
  const error = new TypeError('a defect');
  expect(located(error, { vm: 'web' })).toBe(error);
});

test('a parameter keeps its brackets and braces', () => {
  const params = { path: '/a [b]/{vm}.ova', missing: '/a [b]' };
  const { message } = new WherryError('source.not_found', { ...params, host: 'h1' });
  expect(message).toBe('There is no /a [b]/{vm}.ova: /a [b] does not exist on host h1');
});

const entries = Object.entries<ErrorEntry>(catalogue);
test.each(entries)('%s says what failed and what to do, with optional parts that can be left out', (_, entry) => {
  for (const text of [entry.message, entry.next]) {
    // Not nested, each with a parameter: else it could never be left out.
    expect(text.replaceAll(/\[[^[\]]*\{\w+\}[^[\]]*\]/g, '')).not.toMatch(/[[\]]/);
  }
  expect(entry.message.replaceAll(/\[[^\]]*\]/g, '').length).toBeGreaterThan(8);
  expect(entry.next.length).toBeGreaterThan(10);
});
