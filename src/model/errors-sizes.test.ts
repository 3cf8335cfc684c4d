import { expect, test } from 'vitest';
import { explain } from './errors.ts';

const sizes = (declared: number | string, actual: number): string =>
  explain({ code: 'ova.size_differs', params: { vm: 'web', file: 'a.vmdk', declared, actual }, causes: [] }).message;

test('sizes in errors are shown as people read them, and exactly where that would hide a difference', () => {
  expect(sizes(160 * 1024 ** 2, 1536)).toContain('has 160 MiB, it has 1.5 KiB');
  expect(sizes(1024 ** 3, 1024 ** 3 + 1)).toContain('has 1 GiB, it has 1 GiB (1073741825 bytes)');
  expect(sizes(0, 700)).toContain('has 0 bytes, it has 700 bytes');
  expect(sizes('unknown', 1)).toContain('has unknown, it'); // of another version
});
