import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  InventoryVmView,
  ObjectPage,
  ObjectView,
  ProviderCheck,
  ProviderView,
  TreeNode,
} from '../../src/inventory/api.ts';
import { type LibvirtHost, startLibvirtHost, whyNoLibvirtHost } from '../peers/libvirt-host.ts';
import { processesOf, type Product, startProduct, wherry } from './product.ts';
import type { Report, Scenario } from './scenario.ts';

/** Issue 5: a change on the host is in the API within this. */
const soonMs = 2_000;

export const inventoryLibvirt: Scenario = {
  name: 'inventory-libvirt',
  proves: 'two libvirt hosts, over TCP and ssh, are added, seen, followed by their events, removed and found again',
  unavailable: async () => whyNoLibvirtHost(),
  run: async (report) => {
    let home = '';
    const hosts = await Promise.all([startLibvirtHost(), startLibvirtHost()]);
    const [near, far] = hosts;
    try {
      await using product = await startProduct();
      home = product.home;
      await fill(product, near, ['web01', 'web02']);
      await fill(product, far, ['db01']);
      const tcp = await addOverTcp(report, product, near);
      const ssh = await addOverSsh(report, product, far);
      await isWhatVirshSays(report, product, { host: near, provider: tcp, how: 'TCP' });
      await isWhatVirshSays(report, product, { host: far, provider: ssh, how: 'ssh' });
      await follows(report, product, { host: near, provider: tcp, how: 'TCP' });
      await follows(report, product, { host: far, provider: ssh, how: 'ssh' });
      const running = (await processesOf(home)).filter(({ command }) => command.startsWith('ssh'));
      report.check(
        'one ssh process carries the connection, and no agent stays',
        running.length === 1,
        String(running.length),
      );
      await survivesTheDaemon(report, product, { host: far, provider: ssh, how: 'ssh' });
      await comesBack(report, product, far, ssh);
    } finally {
      for (const host of hosts) await host.stop();
    }
    // ssh and its agent work inside the product's home: they are found by that, and are none of another run's.
    const left = (await processesOf(home)).map(({ command }) => command);
    report.check('no ssh and no agent is left', left.length === 0, left.join('; '));
  },
};

type Followed = { readonly host: LibvirtHost; readonly provider: ProviderView; readonly how: string };

async function define(product: Product, host: LibvirtHost, name: string): Promise<void> {
  const images = host.pools['default'] ?? '';
  await host.virsh('vol-create-as', 'default', `${name}.qcow2`, '64M', '--format', 'qcow2');
  const file = join(product.scratch, `${name}.xml`);
  await writeFile(
    file,
    `<domain type='qemu'><name>${name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
     <os><type arch='x86_64' machine='q35'>hvm</type></os><devices>
     <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${images}/${name}.qcow2'/>
     <target dev='vda' bus='virtio'/></disk><interface type='bridge'><source bridge='br7'/></interface></devices></domain>`,
  );
  await host.virsh('define', file);
}

async function fill(product: Product, host: LibvirtHost, names: readonly string[]): Promise<void> {
  await host.inside('ip', 'link', 'add', 'br7', 'type', 'bridge');
  await host.inside('ip', 'link', 'set', 'br7', 'up');
  for (const name of names) await define(product, host, name);
}

/** Through the API; the worker may still be on its way. */
async function addOverTcp(report: Report, product: Product, host: LibvirtHost): Promise<ProviderView> {
  const account = { type: 'libvirt', uri: host.tcpUri } as const;
  const check = await until('a worker checks', 60_000, () =>
    product.client.post<ProviderCheck>('/providers/check', { account }, { timeoutMs: 60_000 }).catch(() => undefined),
  );
  const rows = check.rows.filter((row) => !row.ok).map((row) => row.what);
  report.check(
    'a check of TCP is well, but says that nothing is encrypted',
    check.ok && rows.join() === 'Encryption',
    rows.join(),
  );
  const made = await product.client.post<ProviderView>('/providers', { name: 'near', account }, { timeoutMs: 60_000 });
  return following(product, made.id);
}

/** Through the CLI: refused with the fingerprint first, then with that fingerprint, the key on standard input. */
async function addOverSsh(report: Report, product: Product, host: LibvirtHost): Promise<ProviderView> {
  const add = ['provider', 'add', 'far', host.sshUri, '--secret', 'privateKey=-'];
  const refused = await cli(product, add, host.privateKey);
  report.check(
    'a host key that nobody has seen is refused and shown',
    refused.code !== 0 && refused.text.includes(host.hostKey),
    refused.text,
  );
  const added = await cli(product, [...add, '--trust-fingerprint', host.hostKey], host.privateKey);
  report.check('with the fingerprint that was seen it is added', added.code === 0, added.text);
  const { items } = await product.client.get<{ items: ProviderView[] }>('/providers');
  const found = items.find((provider) => provider.name === 'far');
  const middle = host.privateKey.split('\n')[2] ?? 'nothing';
  report.check(
    'its key is kept, and never shown',
    found?.secrets.join() === 'privateKey' && !JSON.stringify(items).includes(middle),
  );
  return following(product, found?.id ?? '');
}

async function isWhatVirshSays(report: Report, product: Product, { host, provider, how }: Followed): Promise<void> {
  const names = (await host.virsh('list', '--all', '--name'))
    .split('\n')
    .filter((line) => line !== '')
    .sort();
  const vms = await objects(product, provider.id, 'vm');
  report.check(
    `${how}: the VMs are those of virsh`,
    vms
      .map((vm) => vm.name)
      .sort()
      .join() === names.join(),
    names.join(),
  );
  for (const { id, name, ref } of vms) {
    const view = await product.client.get<InventoryVmView>(`/inventory/vms/${id}`);
    const info = await host.virsh('domblkinfo', name, 'vda');
    const size = Number(/Capacity:\s+(\d+)/.exec(info)?.[1]);
    const macs = await host.virsh('domiflist', name);
    const [disk] = view.vm.disks;
    const [nic] = view.vm.nics;
    report.check(
      `${how}: ${name} has the UUID, the disk, the pool and the NIC that virsh says`,
      ref === (await host.virsh('domuuid', name)).trim() &&
        disk?.sizeBytes === size &&
        disk.storage === 'default' &&
        macs.includes(nic?.mac ?? 'none') &&
        nic?.network === 'br7' &&
        view.vm.power === 'off',
      JSON.stringify(view.vm),
    );
  }
  const tree = await product.client.get<{ items: TreeNode[] }>(`/providers/${provider.id}/tree`);
  const hostname = (await host.virsh('hostname')).trim();
  report.check(
    `${how}: the host is in the tree`,
    tree.items.some((node) => node.kind === 'host' && node.name === hostname),
  );
  const kinds = [
    ...(await objects(product, provider.id, 'storage')),
    ...(await objects(product, provider.id, 'network')),
  ];
  report.check(
    `${how}: its pool and the bridge are there`,
    kinds
      .map((each) => each.name)
      .sort()
      .join() === 'br7,default',
  );
}

async function follows(report: Report, product: Product, { host, provider, how }: Followed): Promise<void> {
  const power = async (): Promise<string> => {
    const found = (await objects(product, provider.id, 'vm')).find((vm) => vm.name === 'new01');
    return found === undefined ? 'gone' : String(found.data['power']);
  };
  const steps: readonly [string, string, () => Promise<unknown>][] = [
    ['defined', 'off', () => define(product, host, 'new01')],
    ['started', 'paused', () => host.virsh('start', '--paused', 'new01')],
    ['resumed', 'on', () => host.virsh('resume', 'new01')],
    ['stopped', 'off', () => host.virsh('destroy', 'new01')],
    ['undefined', 'gone', () => host.virsh('undefine', 'new01')],
  ];
  const times: number[] = [];
  for (const [what, wanted, act] of steps) {
    await act();
    const begun = performance.now();
    await until(`new01 is ${what}`, 30_000, async () => ((await power()) === wanted ? true : undefined));
    const ms = Math.round(performance.now() - begun);
    times.push(ms);
    report.figure(`${how}: ${what} seen after`, `${ms} ms`);
  }
  report.check(`${how}: what was defined, started, resumed, stopped and undefined on the host is in the API`, true);
  // The middle one: a busy machine may delay one of them.
  const middle = times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Infinity;
  report.check(`${how}: that takes less than ${soonMs / 1000} s`, middle <= soonMs, `${times.join(', ')} ms`);
}

async function survivesTheDaemon(report: Report, product: Product, { host, provider, how }: Followed): Promise<void> {
  process.kill(await host.pid(), 'SIGKILL');
  const failed = await until('the loss is noticed', 30_000, async () => {
    const view = await product.client.get<ProviderView>(`/providers/${provider.id}`);
    return view.state === 'following' ? undefined : view;
  });
  report.check(`${how}: a daemon that was killed is a passing error`, failed.state !== 'stopped', failed.state);
  await define(product, host, 'after').catch(async () => {
    await sleep(2_000);
    await define(product, host, 'after');
  });
  await following(product, provider.id);
  await until('what came meanwhile is there', 60_000, async () =>
    (await objects(product, provider.id, 'vm')).some((vm) => vm.name === 'after') ? true : undefined,
  );
  report.check(`${how}: it is followed again by itself, with what happened meanwhile`, true);
}

async function comesBack(report: Report, product: Product, host: LibvirtHost, provider: ProviderView): Promise<void> {
  const ids = async (id: string): Promise<string> => {
    const all = [
      ...(await objects(product, id, 'vm')),
      ...(await objects(product, id, 'storage')),
      ...(await objects(product, id, 'host')),
    ];
    return all
      .map((each) => `${each.kind} ${each.name} ${each.id}`)
      .sort()
      .join('\n');
  };
  const before = await ids(provider.id);
  const removed = await cli(product, ['provider', 'rm', 'far'], '');
  report.check('a provider is removed', removed.code === 0, removed.text);
  const add = ['provider', 'add', 'back', host.sshUri, '--secret', 'password=-', '--trust-fingerprint', host.hostKey];
  const added = await cli(product, add, host.password);
  report.check('it is added again, by password this time', added.code === 0, added.text);
  const { items } = await product.client.get<{ items: ProviderView[] }>('/providers');
  const again = await following(product, items.find((each) => each.name === 'back')?.id ?? '');
  const after = await ids(again.id);
  report.check('every object has the id that it had', after === before && before !== '', `${before}\nthen\n${after}`);
}

async function objects(product: Product, id: string, kind: string): Promise<ObjectView[]> {
  return (await product.client.get<ObjectPage>(`/providers/${id}/objects?kind=${kind}`)).items;
}

async function following(product: Product, id: string): Promise<ProviderView> {
  return until('the provider is followed', 60_000, async () => {
    const view = await product.client.get<ProviderView>(`/providers/${id}`);
    return view.state === 'following' ? view : undefined;
  });
}

async function until<T>(what: string, ms: number, look: () => Promise<T | undefined>): Promise<T> {
  for (const end = performance.now() + ms; ; await sleep(25)) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`${what}: not within ${ms / 1000} s`);
  }
}

/** The command as a user runs it, with `input` on its standard input. */
async function cli(
  product: Product,
  args: readonly string[],
  input: string,
): Promise<{ code: number | null; text: string }> {
  const child = spawn(wherry, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, WHERRY_HOME: product.home },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
    });
  }
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, text };
}
