import { expect, test } from 'vitest';
import { ManagedProps } from './props.ts';
import { Seen } from './seen.ts';

function managed(type: string, value: string, properties: Readonly<Record<string, unknown>>): ManagedProps {
  return new ManagedProps({ type, value }, new Map(Object.entries(properties)));
}

test('only what is followed makes an object another one', () => {
  const seen = new Seen();
  seen.add(managed('VirtualMachine', 'vm-1', { name: 'web', 'config.hardware': { numCPU: 1 } }));
  expect(seen.has(managed('VirtualMachine', 'vm-1', { name: 'web' }))).toBe(true);
  expect(seen.has(managed('VirtualMachine', 'vm-1', { name: 'web2' }))).toBe(false);
  expect(seen.has(managed('VirtualMachine', 'vm-1', { name: 'web', 'guest.ipAddress': '10.0.0.1' }))).toBe(false);
  expect(seen.has(managed('VirtualMachine', 'vm-2', { name: 'web' }))).toBe(false);
  expect([...seen.refs()]).toEqual([['vm-1', { type: 'VirtualMachine', value: 'vm-1' }]]);
});

test('a part is compared with the whole that it was read in, and long values with long values', () => {
  const seen = new Seen();
  const name = 'n'.repeat(300);
  seen.add(managed('Datastore', 'ds', { name, summary: { accessible: true, capacity: 10, freeSpace: 5, url: 'x' } }));
  const parts = { 'summary.accessible': true, 'summary.capacity': 10, 'summary.freeSpace': 5, 'summary.url': 'x' };
  expect(seen.has(managed('Datastore', 'ds', { name, ...parts }))).toBe(true);
  expect(seen.has(managed('Datastore', 'ds', { name, ...parts, 'summary.freeSpace': 4 }))).toBe(false);
  expect(seen.has(managed('Datastore', 'ds', { name: `${name}n`, ...parts }))).toBe(false);
});
