import { expect, test } from 'vitest';
import { TagTable } from './tag-table.ts';

test('only VMs whose tags are others than before have changed', () => {
  const table = new TagTable();
  table.add('t1', 'prod');
  table.add('t2', 'backup');
  table.attach('t1', new Set(['vm-1', 'vm-2']));
  table.attach('t2', new Set(['vm-1']));
  expect(table.takeChanged().sort()).toEqual(['vm-1', 'vm-2']);
  expect(table.of('vm-1')).toEqual(['backup', 'prod']);

  table.attach('t1', new Set(['vm-2', 'vm-1']));
  table.attach('t2', new Set(['vm-1']));
  expect(table.takeChanged()).toEqual([]);

  table.attach('t1', new Set(['vm-2', 'vm-3']));
  expect(table.takeChanged().sort()).toEqual(['vm-1', 'vm-3']);
  expect(['vm-1', 'vm-2', 'vm-3'].map((vm) => table.of(vm))).toEqual([['backup'], ['prod'], ['prod']]);

  table.keep(new Set(['t2']));
  expect(table.takeChanged().sort()).toEqual(['vm-2', 'vm-3']);
  expect(table.of('vm-2')).toEqual([]);
  expect(table.ids).toEqual(['t2']);
});

test('a tag without a name is on nobody, and one that is not known is not kept', () => {
  const table = new TagTable();
  table.add('hidden', null);
  table.attach('hidden', new Set(['vm-1']));
  table.attach('unknown', new Set(['vm-1']));
  expect(table.of('vm-1')).toEqual([]);
  expect(table.ids).toEqual(['hidden']);
});
