import { expect, test } from 'vitest';
import { keys } from './keys.ts';
import { staleAfter } from './live.ts';

test('progress of a migration makes what is in progress stale, but not what has ended, and not other migrations', () => {
  const stale = staleAfter([
    { kind: 'migration', id: 'm1' },
    { kind: 'vm_migration', id: 'v1' },
    { kind: 'migration', id: 'm1' },
  ]);
  expect(stale).toEqual([keys.inProgress, keys.migration('m1'), keys.workers, keys.log('v1'), keys.rates('v1')]);
});

test('an event about a migration makes the lists of both kinds stale; one about nothing makes nothing stale', () => {
  expect(staleAfter([{ kind: 'event', id: 'e1', event: { migrationId: 'm1' } }])).toEqual([
    keys.inProgress,
    keys.ended,
    keys.migration('m1'),
  ]);
  expect(staleAfter([{ kind: 'event', id: 'e1', event: { migrationId: null } }])).toEqual([]);
});

test('news of a provider makes it, what is in it and the lists of VMs stale, and no migration', () => {
  expect(staleAfter([{ kind: 'provider', id: 'p1' }])).toEqual([keys.providers, keys.provider('p1'), keys.vms]);
});

test('what may have been missed makes everything stale', () => {
  expect(staleAfter([{ kind: 'worker', id: 'w1' }, { kind: 'reload' }])).toBe(null);
});
