import { expect, test } from 'vitest';
import { WherryError } from '../model/errors.ts';
import { parseRate } from './rate.ts';
import { disksAsked, disksOfMigration } from './verify-request.ts';

const known = [
  { disk: 'disk-1', name: 'Hard disk 1' },
  { disk: 'disk-2', name: '' },
];

test('a disk is named by its id or name; its format is said, or by the ending of the file', () => {
  expect(disksAsked(known, ['Hard disk 1=/a.qcow2', 'disk-2=/dev/vg/b=c'], undefined)).toEqual([
    { disk: 'disk-1', path: '/a.qcow2', format: 'qcow2' },
    { disk: 'disk-2', path: '/dev/vg/b=c', format: 'raw' },
  ]);
  expect(disksAsked(known.slice(0, 1), ['/a'], 'raw')).toEqual([{ disk: 'disk-1', path: '/a', format: 'raw' }]);
});

test.each([
  [[], undefined],
  [['disk-3=/a.raw'], undefined],
  [['/a.raw'], undefined],
  [['disk-1=/a'], undefined],
  [['disk-1=/a.raw', 'Hard disk 1=/b.raw'], undefined],
] as const)('refuses %j', (asked, format) => {
  expect(() => disksAsked(known, [...asked], format)).toThrow(expect.objectContaining({ code: 'client.usage' }));
});

test('of a migration: what was handed over as files', async () => {
  const disk = { diskId: 'd', sizeBytes: 1, format: 'qcow2', ref: { path: '/x.qcow2' }, key: 'd' };
  const ledger = [
    { kind: 'target-disk', state: 'handed_over', ref: disk },
    { kind: 'target-disk', state: 'removed', ref: { ...disk, diskId: 'e' } },
    { kind: 'target-disk', state: 'handed_over', ref: { diskId: 'f', ref: { volume: 'id' } } },
    { kind: 'target-vm', state: 'handed_over', ref: {} },
  ];
  const answers: Record<string, unknown> = {
    '/migrations/m': { vmMigrations: [{ id: 'v' }] },
    '/vm-migrations/v': { id: 'v', vmName: 'web', ledger },
    '/vm-migrations/w': { id: 'w', vmName: 'web', ledger: ledger.slice(1) },
  };
  const client = {
    get: async <T>(path: string): Promise<T> => {
      if (!(path in answers)) throw new WherryError('request.not_found', { kind: 'migration', id: path });
      return answers[path] as T;
    },
  };
  const found = [{ vmMigrationId: 'v', disks: [{ disk: 'd', path: '/x.qcow2', format: 'qcow2' }] }];
  expect(await disksOfMigration(client, 'm')).toEqual(found);
  expect(await disksOfMigration(client, 'v')).toEqual(found);
  await expect(disksOfMigration(client, 'w')).rejects.toMatchObject({ code: 'client.no_disks' });
});

test.each([
  ['100MiB', 100 * 2 ** 20],
  ['80 MB/s', 80e6],
  ['900Mbit', 112.5e6],
  ['1.5GiB', 1.5 * 2 ** 30],
  ['1000000', 1e6],
  ['10Gbps', 1.25e9],
])('%s is %d bytes per second', (text, bytes) => expect(parseRate(text)).toBe(bytes));

test.each(['', 'fast', '10Mb', '-1MB', '1e9', 'MiB', '10i', '10Mi'])('%j is no rate', (text) => {
  expect(() => parseRate(text)).toThrow(expect.objectContaining({ code: 'client.usage' }));
});
