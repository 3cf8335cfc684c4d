import { describe, expect, test } from 'vitest';
import { judgeLicence, judgeTransports, skewRow, type Row } from './check-rows.ts';
import { privileges, roleText } from './privileges.ts';
import { chooseVersion, compareVersions } from './version.ts';

describe('the version that is spoken', () => {
  test.each([
    [['6.5', '6.0'], '6.5'],
    [['6.7.3', '6.7', '6.5'], '6.7.3'],
    [['8.0.3.0', '8.0.2.0', '7.0'], '8.0.3.0'],
    [['9.0.0.0', '8.0.3.0', '8.0.2.0'], '8.0.3.0'],
    [['9.0.0.0'], '8.0.3.0'],
    [['6.0', '5.5'], null],
  ])('of %j is %s', (offered, chosen) => {
    expect(chooseVersion(offered)).toBe(chosen);
  });

  test('versions are compared by number, not by text', () => {
    expect(['6.10', '6.9', '6.9.0.1'].sort(compareVersions)).toEqual(['6.9', '6.9.0.1', '6.10']);
  });
});

const granted = (lacking: readonly string[]): Row[] =>
  privileges.map(({ id, required }) => ({
    what: `privilege ${id}`,
    ok: !lacking.includes(id),
    detail: '',
    fix: '',
    required,
  }));

const ways = (rows: readonly Row[]): string[] => rows.filter(({ ok }) => ok).map(({ what }) => what);

describe('rows of a check', () => {
  test('a clock may differ by minutes, not by more', () => {
    const now = Date.parse('2026-11-21T12:00:00Z');
    expect(skewRow('Sat, 21 Nov 2026 11:58:00 GMT', now)?.ok).toBe(true);
    expect(skewRow('Sat, 21 Nov 2026 11:50:00 GMT', now)).toMatchObject({ ok: false, required: false });
    expect(skewRow(undefined, now)).toBeNull();
    expect(skewRow('yesterday', now)).toBeNull();
  });

  test('the free edition of ESXi is refused with the reason, a licensed host and a vCenter are not', () => {
    const esxi = { fullName: 'VMware ESXi 8.0.2', apiType: 'HostAgent' };
    const free = judgeLicence(esxi, [{ name: 'vSphere 8 Hypervisor', editionKey: 'esxBasic' }]);
    expect(free).toMatchObject({ ok: false, required: true, detail: expect.stringContaining('free edition') });
    expect(free.fix).not.toBe('');
    expect(judgeLicence(esxi, [{ name: 'vSphere 8 Standard', editionKey: 'esx.standard' }]).ok).toBe(true);
    expect(judgeLicence({ ...esxi, apiType: 'VirtualCenter' }, [{ name: 'x', editionKey: 'esxBasic' }]).ok).toBe(true);
  });

  test('each way to read disks needs its own privileges; without any of them there is no migration', () => {
    expect(ways(judgeTransports(granted([]), true))).toHaveLength(3);
    expect(ways(judgeTransports(granted(['VApp.Export']), false))).toEqual(['transport https-range']);
    expect(ways(judgeTransports(granted(['Datastore.Browse']), false))).toEqual(['transport nfc-lease']);
    const none = judgeTransports(granted(['VApp.Export', 'Datastore.Browse']), false);
    expect(ways(none)).toEqual([]);
    expect(none.every(({ required }) => required)).toBe(true);
  });

  test('the role has every privilege that can be granted, and quotes the user', () => {
    const text = roleText("o'neil@vsphere.local");
    for (const { id } of privileges.filter((one) => !one.id.startsWith('System.'))) {
      expect(text.split(id)).toHaveLength(3);
    }
    expect(text).toContain("'o''neil@vsphere.local'");
    expect(text).toContain("'o'\\''neil@vsphere.local'");
  });
});
