import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Claim, demandOf, limitKeysOf, shareOut, uriHost } from './limits.ts';
import { aSpec } from './testing/fake-worker.ts';

const worker = { id: 'w1', host: 'Conversion1' };
const libvirt = (uri: string) => ({
  ...aSpec('/srv/ova/web.ova'),
  target: { type: 'libvirt' as const, uri, pool: 'default', format: 'raw' as const, networks: {} },
});

describe('the limits that a copy is under', () => {
  it('are its migration’s, its worker’s, and those of the hosts at both ends, each once', () => {
    expect(limitKeysOf({ migrationId: 'm1', spec: aSpec() }, worker, [])).toEqual([
      'migration:m1',
      'worker:w1',
      'host:conversion1',
    ]);
    expect(limitKeysOf({ migrationId: 'm1', spec: libvirt('qemu+tls://root@KVM2:16514/system') }, worker, [])).toEqual([
      'migration:m1',
      'worker:w1',
      'host:conversion1',
      'host:kvm2',
    ]);
  });

  it('and those of providers whose place the source or target names', () => {
    const account = { type: 'libvirt' as const, uri: 'qemu:///system' };
    const store = { type: 'ova' as const, location: '/srv/ova' };
    const providers = [
      { id: 'p1', account, via: null },
      { id: 'p2', account, via: 'another' },
      { id: 'p3', account: { ...account, uri: 'xen:///system' }, via: null },
      { id: 'p4', account: store, via: 'w1' },
      { id: 'p5', account: { ...store, location: '/srv/ov' }, via: null },
    ];
    const keys = limitKeysOf({ migrationId: 'm1', spec: libvirt('qemu:///system') }, worker, providers);
    expect(keys.filter((key) => key.startsWith('provider:'))).toEqual(['provider:p1', 'provider:p4']);
  });

  it.each([
    ['qemu:///system', null],
    ['qemu+ssh://root@kvm1.example:2222/system?keyfile=x', 'kvm1.example'],
    ['qemu+tcp://[fd00::1]:16509/system', 'fd00::1'],
    ['xen://host', 'host'],
    ['nonsense', null],
  ])('%s is on %s', (uri, host) => expect(uriHost(uri)).toBe(host));
});

describe('sharing a limit out', () => {
  const claims = fc
    .array(
      fc.record({
        weight: fc.integer({ min: 1, max: 20 }),
        demand: fc.option(fc.double({ min: 0, max: 2e9, noNaN: true })),
      }),
      { minLength: 1, maxLength: 12 },
    )
    .map((list) => list.map((one, index): Claim => ({ ...one, id: String(index) })));

  it('gives all of it, and nobody less than the smaller of its demand and its proportion', () => {
    fc.assert(
      fc.property(fc.integer({ min: 65_536, max: 2 ** 40 }), claims, (total, list) => {
        const shares = shareOut(total, list);
        const given = [...shares.values()].reduce((all, one) => all + one, 0);
        expect(Math.abs(given / total - 1)).toBeLessThan(1e-9);
        const weights = list.reduce((all, { weight }) => all + weight, 0);
        for (const { id, weight, demand } of list) {
          const least = Math.min(demand ?? Infinity, (total * weight) / weights);
          expect(shares.get(id)).toBeGreaterThanOrEqual(least * (1 - 1e-9));
        }
      }),
    );
  });

  it('gives those who take all they get the same per weight, and never less than one that is content', () => {
    fc.assert(
      fc.property(fc.integer({ min: 65_536, max: 2 ** 40 }), claims, (total, list) => {
        const shares = shareOut(total, list);
        const perWeight = (claim: Claim): number => (shares.get(claim.id) ?? 0) / claim.weight;
        const hungry = list.filter(({ demand }) => demand === null);
        for (const one of hungry) {
          expect(Math.abs(perWeight(one) / perWeight(hungry[0] ?? one) - 1)).toBeLessThan(1e-9);
          for (const other of list) expect(perWeight(one)).toBeGreaterThanOrEqual(perWeight(other) * (1 - 1e-9));
        }
      }),
    );
  });

  it('finds the rest for the other when one worker has a slow source, and gives it back when it waits for the limit', () => {
    const even = 50e6;
    const slow = { id: 'a', weight: 1, demand: demandOf({ bytesPerSecond: 10e6, limited: 0 }, even) };
    const other = { id: 'b', weight: 1, demand: demandOf({ bytesPerSecond: 50e6, limited: 0.6 }, even) };
    const shares = shareOut(100e6, [slow, other]);
    expect(shares.get('a')).toBe(15e6);
    expect(shares.get('b')).toBe(85e6);
    expect(demandOf({ bytesPerSecond: 15e6, limited: 0.3 }, even)).toBeNull();
  });
});
