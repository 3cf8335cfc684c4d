/** Tags of a vCenter are followed, though nobody tells of their changes: against both vcsims, whose REST API has them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { usualLimits } from '../../src/providers/net/https.ts';
import type { Connection } from '../../src/providers/provider.ts';
import { connectVsphere } from '../../src/providers/vsphere/connection.ts';
import { type TagPause, tagPauseMs } from '../../src/providers/vsphere/inventory/tags.ts';
import { type VcsimVersion, whyNoVcsim } from '../peers/vcsim/build.ts';
import { startVcsim, type Vcsim } from '../peers/vcsim/vcsim.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { watch } from './mirror.ts';
import { openTagControl, type TagControl } from './vsphere-tag-control.ts';

vi.setConfig({ testTimeout: 240_000 });
const soon = (): AbortSignal => AbortSignal.timeout(120_000);
const sessions = '/rest/com/vmware/cis/session';
const associations = '/rest/com/vmware/cis/tagging/tag-association?~action=list-attached-objects-on-tags';

test('the pause before each question is a minute', () => {
  expect(tagPauseMs).toBeGreaterThanOrEqual(60_000);
});

/** The pause ends when the test says so. */
type Pauses = { readonly pause: TagPause; readonly go: () => Promise<void>; readonly turn: () => Promise<void> };

function manualPause(): Pauses {
  const now: { release: (() => void) | null } = { release: null };
  const waiting = async (): Promise<() => void> => {
    for (const end = Date.now() + 120_000; now.release === null; await sleep(5)) {
      if (Date.now() > end) throw new Error('nobody waits for a turn');
    }
    return now.release;
  };
  const go = async (): Promise<void> => {
    const end = await waiting();
    now.release = null;
    end();
  };
  return {
    pause: (signal) =>
      new Promise((resolve, reject) => {
        now.release = resolve;
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      }),
    go,
    /** One question, and what came of it, until the next one waits for its turn. */
    turn: async () => {
      await go();
      await waiting();
    },
  };
}

for (const version of ['0.24.2', '0.55.0'] satisfies VcsimVersion[]) {
  const reason = await whyNoVcsim(version);
  describe.skipIf(reason !== null)(`tags of vcsim ${version}${reason === null ? '' : `: ${reason}`}`, () => {
    let vcsim: Vcsim;
    let proxy: FaultProxy;
    let tags: TagControl;
    let prod: string;

    beforeAll(async () => {
      vcsim = await startVcsim(version, { datacenters: 1, clusters: 1, hosts: 1, vms: 5 });
      tags = await openTagControl(vcsim.account, vcsim.password);
    }, 400_000);
    afterAll(async () => {
      tags?.[Symbol.dispose]();
      await vcsim?.[Symbol.asyncDispose]();
    });
    beforeEach(async () => {
      proxy = await startFaultProxy(vcsim.url);
      prod = await tags.create('prod');
    });
    afterEach(async () => {
      await proxy[Symbol.asyncDispose]();
      await tags.delete(prod);
    });

    const connect = (pause: TagPause): Promise<Connection> => {
      const account = { ...vcsim.account, url: proxy.url, trust: { kind: 'pinned', sha256: proxy.sha256 } } as const;
      return connectVsphere({ account, secrets: { password: vcsim.password } }, soon(), usualLimits, pause);
    };
    /** Followed from its first read on. */
    const follow = async (act: (followed: Followed) => Promise<void>): Promise<void> => {
      const { pause, go, turn } = manualPause();
      await using connection = await connect(pause);
      await using mirror = watch(connection);
      await mirror.until('the first read', () => mirror.synced() === 1);
      await mirror.until('the long poll', () => proxy.calls.at(-1) === 'WaitForUpdatesEx');
      const vms = mirror.of('vm').map(({ ref }) => ref);
      const tagsOf = (ref = ''): readonly string[] => mirror.of('vm').find((vm) => vm.ref === ref)?.data.tags ?? [];
      await act({ connection, mirror, go, turn, vms, tagsOf });
    };
    type Followed = {
      connection: Connection;
      mirror: ReturnType<typeof watch>;
      go: () => Promise<void>;
      turn: () => Promise<void>;
      vms: readonly string[];
      tagsOf: (ref?: string) => readonly string[];
    };

    test('a tag that is given or taken away is seen, and only those VMs are read again', async () => {
      await follow(async ({ connection, mirror, turn, vms: [first = '', second = ''], tagsOf }) => {
        const before = new Map(mirror.objects);
        await tags.attach(prod, second);
        await sleep(200);
        expect(tagsOf(second)).toEqual([]); // (control) nobody tells of it
        const asked = proxy.calls.length;
        await turn();
        await mirror.until('the tag', () => tagsOf(second).join() === 'prod');
        expect(proxy.calls.slice(asked)).toEqual([associations, 'RetrievePropertiesEx']);
        expect(await connection.readVm(second, soon())).toMatchObject({ data: { tags: ['prod'] } });

        // A new tag is met by the next question, which is what tags there are.
        const backup = await tags.create('backup');
        await tags.attach(backup, first);
        await turn();
        await mirror.until('the new tag', () => tagsOf(first).join() === 'backup');
        await tags.attach(backup, second);
        await turn();
        await mirror.until('both', () => tagsOf(second).join() === 'backup,prod');

        await tags.delete(backup);
        await turn();
        await mirror.until('only the first tag', () => tagsOf(second).join() === 'prod' && tagsOf(first).length === 0);
        await tags.detach(prod, second);
        await turn();
        await mirror.until('no tags', () => tagsOf(second).length === 0);
        expect(mirror.synced()).toBe(1);
        const same = [...mirror.objects].filter(([key, object]) => before.get(key) === object).map(([key]) => key);
        expect(same).toHaveLength(before.size - 2);
      });
      expect(proxy.count(sessions)).toBe(2); // begun and ended
    });

    test('while nothing changes, a turn is one question', async () => {
      await follow(async ({ turn, vms: [first = ''] }) => {
        await tags.attach(prod, first);
        await turn();
        await turn();
        const asked = proxy.calls.length;
        for (let count = 0; count < 4; count += 1) await turn();
        expect(proxy.calls.slice(asked)).toEqual([
          associations,
          '/rest/com/vmware/cis/tagging/tag',
          associations,
          '/rest/com/vmware/cis/tagging/tag',
        ]);
      });
    });

    test('a session that has ended is begun again, once', async () => {
      await follow(async ({ mirror, go, turn, vms: [first = ''], tagsOf }) => {
        await tags.attach(prod, first);
        let ended = false;
        proxy.fault = (method) => {
          if (method !== associations || ended) return null;
          ended = true;
          return { kind: 'status', status: 401 };
        };
        await turn();
        await mirror.until('the tag', () => tagsOf(first).join() === 'prod');
        expect(proxy.count(sessions)).toBe(2);
        // A server that lets us in and then does not know us is not asked any more: it might be a lock-out.
        proxy.fault = (method) =>
          method.startsWith('/rest') && method !== sessions ? { kind: 'status', status: 401 } : null;
        const asked = proxy.calls.length;
        await tags.detach(prod, first);
        await go();
        await mirror.until('asked twice', () => proxy.calls.length >= asked + 3);
        await sleep(200);
        expect(proxy.count(sessions)).toBe(3);
        expect(proxy.calls.length).toBe(asked + 3);
        expect(tagsOf(first)).toEqual(['prod']);
      });
    });

    test('a service that is busy, or answers something else, costs no tag', async () => {
      await follow(async ({ mirror, turn, vms: [first = ''], tagsOf }) => {
        await tags.attach(prod, first);
        await turn();
        await mirror.until('the tag', () => tagsOf(first).join() === 'prod');
        const faults = [
          { kind: 'status', status: 503 },
          { kind: 'answer', body: '{"value":{}}' },
        ] as const;
        for (const fault of faults) {
          proxy.fault = (method) => (method.startsWith('/rest') ? fault : null);
          await turn();
          await turn();
          expect(tagsOf(first)).toEqual(['prod']);
        }
        proxy.fault = () => null;
        await tags.detach(prod, first);
        await turn();
        await turn();
        await mirror.until('no tag', () => tagsOf(first).length === 0);
        expect(mirror.synced()).toBe(1);
      });
    });
  });
}
