import { expect, test } from 'vitest';
import {
  accountOf,
  emptyDraft,
  isElsewhere,
  missingOf,
  secretsOf,
  suggestedName,
  transportOf,
  trusting,
} from './draft.ts';

const vsphere = { ...emptyDraft, address: ' vc.example.com ', username: 'joe', secrets: { password: 'x', other: '' } };
const pin = 'ab'.repeat(32);

test('a vCenter that is given by name gets its scheme, and a pinned certificate stays with it', () => {
  expect(accountOf(trusting(vsphere, pin))).toEqual({
    type: 'vsphere',
    url: 'https://vc.example.com',
    username: 'joe',
    trust: { kind: 'pinned', sha256: pin },
  });
  expect(secretsOf(vsphere)).toEqual({ password: 'x' });
});

test('a host key goes where a libvirt account has it; nothing empty is sent', () => {
  const key = `SHA256:${'A'.repeat(43)}`;
  const draft = trusting({ ...emptyDraft, type: 'libvirt', address: 'qemu+ssh://joe@kvm1/system' }, key);
  expect(accountOf(draft)).toEqual({ type: 'libvirt', uri: 'qemu+ssh://joe@kvm1/system', hostKey: key });
  expect(accountOf({ ...emptyDraft, type: 'ova', address: '/srv/ovas' })).toEqual({
    type: 'ova',
    location: '/srv/ovas',
  });
});

test('what is kept is asked for again for another system, not for a signature that was renewed', () => {
  const store = { ...emptyDraft, type: 'ova', address: 'https://store.example/list/?…' } as const;
  const daemon = { ...emptyDraft, type: 'libvirt', address: 'qemu+ssh://h/system' } as const;
  expect(isElsewhere(store, { ...store, address: 'https://store.example/list/?sig=new' })).toBe(false);
  expect(isElsewhere(store, { ...store, address: ' https://store.example/list/ ', username: 'joe' })).toBe(false);
  expect(isElsewhere(store, { ...store, address: 'https://store.example/other/?sig=new' })).toBe(true);
  expect(isElsewhere(store, { ...store, address: 'https://other.example/list/?…' })).toBe(true);
  // The query of a libvirt URI says where its daemon is.
  expect(isElsewhere(daemon, { ...daemon, address: 'qemu+ssh://h/system?socket=/x' })).toBe(true);
});

test('what is missing is named, unless the server has it already', () => {
  expect(missingOf(emptyDraft, [])).toEqual(['the address', 'the user', 'the password']);
  expect(missingOf({ ...vsphere, secrets: {} }, ['password'])).toEqual([]);
  expect(missingOf({ ...emptyDraft, type: 'ova', address: '/srv' }, [])).toEqual([]);
});

test.each([
  ['qemu:///system', 'local'],
  ['qemu+ssh://root@h/system', 'ssh'],
  ['xen+tcp://h/system', 'tcp'],
  ['qemu://h/system', 'tls'],
  ['test:///default', 'local'],
])('%s is reached by %s', (uri, transport) => {
  expect(transportOf(uri)).toBe(transport);
});

test.each([
  ['https://vc1.example.com:8443', 'vc1.example.com'],
  ['qemu+ssh://root@kvm1/system', 'kvm1'],
  ['/srv/ova store/', 'ova store'],
  ['https://[::1]:443/', '[::1]'],
])('the name to begin with of %s is %s', (address, name) => {
  expect(suggestedName({ ...emptyDraft, address })).toBe(name);
});
