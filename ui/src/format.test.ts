import { assert, nat, property } from 'fast-check';
import { expect, test } from 'vitest';
import { bytes, bytesOf, count, duration, percent, rate, secondsBetween, time } from './format.ts';

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;

test('sizes have three digits and the unit that suits them', () => {
  expect([0, 1, 1023, 1024, 1536, 160 * MiB, 37.44 * MiB, 1.5 * GiB, 16 * 1024 * GiB].map(bytes)).toEqual([
    '0 B',
    '1 B',
    '1023 B',
    '1.00 KiB',
    '1.50 KiB',
    '160 MiB',
    '37.4 MiB',
    '1.50 GiB',
    '16.0 TiB',
  ]);
  expect(bytes(GiB - 1)).toBe('1.00 GiB'); // not 1024 MiB
  expect(bytes(9.996 * MiB)).toBe('10.0 MiB'); // not 10.00
  expect(rate(2 * MiB)).toBe('2.00 MiB/s');
});

test('a size never has more than four digits, and a bigger one is never shown as smaller', () => {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  const worth = (text: string): number => {
    const [number = '', unit = ''] = text.split(' ');
    return Number(number) * 1024 ** units.indexOf(unit);
  };
  assert(
    property(nat({ max: 2 ** 50 }), nat({ max: 2 ** 50 }), (a, b) => {
      expect(bytes(a).split(' ')[0]?.replace('.', '').length).toBeLessThanOrEqual(4);
      const [small, big] = [Math.min(a, b), Math.max(a, b)];
      expect(worth(bytes(small))).toBeLessThanOrEqual(worth(bytes(big)));
    }),
  );
});

test('part and whole have one unit, and the part is never more than the whole', () => {
  expect(bytesOf(120 * MiB, 480 * MiB)).toBe('120 of 480 MiB');
  expect(bytesOf(0, 480 * MiB)).toBe('0 of 480 MiB');
  expect(bytesOf(500 * MiB, 480 * MiB)).toBe('480 of 480 MiB');
  expect(bytesOf(512 * MiB, 2 * GiB)).toBe('0.50 of 2.00 GiB');
  expect(bytesOf(3, 10)).toBe('3 of 10 B');
});

test('a duration says its two biggest units', () => {
  expect([0, 0.4, 59.4, 59.6, 60, 125, 3600, 3725, 90_000, -5].map(duration)).toEqual([
    '0 s',
    '0 s',
    '59 s',
    '1 min',
    '1 min',
    '2 min 5 s',
    '1 h',
    '1 h 2 min',
    '1 d 1 h',
    '0 s',
  ]);
});

test('what has not begun has taken no time, what runs is measured to now, and clocks that differ never give less than none', () => {
  const from = '2026-01-01T00:00:00.000Z';
  const now = Date.parse('2026-01-01T00:01:00.000Z');
  expect(secondsBetween(null, null, now)).toBe(null);
  expect(secondsBetween(from, null, now)).toBe(60);
  expect(secondsBetween(from, '2026-01-01T00:00:30.000Z', now)).toBe(30);
  expect(secondsBetween('2026-01-01T00:02:00.000Z', null, now)).toBe(0);
  expect(time(null)).toBe('–');
});

test('a hundred percent is only said when all is done', () => {
  expect([null, 0, 0.5, 0.999, 1, 1.2, -1].map(percent)).toEqual([0, 0, 50, 99, 100, 100, 0]);
});

test('one is singular', () => {
  expect([count(0, 'VM'), count(1, 'VM'), count(2, 'VM')]).toEqual(['0 VMs', '1 VM', '2 VMs']);
});
