/**
 * The first inventory of 10,002 VMs, stored and searchable, beside one bare HTTPS download of the same properties from the same
 * vcsim; the memory of the worker's processes; and how soon a change is found.
 */
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProviderView } from '../src/inventory/api.ts';
import type { VmPage } from '../src/inventory/search-api.ts';
import { placeNames, placesIn, vmsIn } from '../src/providers/vsphere/inventory/properties.ts';
import { envelope } from '../src/providers/vsphere/vim25/soap.ts';
import { encodeCall } from '../src/providers/vsphere/vim25/encode.ts';
import type { Ref } from '../src/providers/vsphere/vim25/schema.ts';
import { processesOf, startProduct, type Product } from '../test/acceptance/product.ts';
import { openControl } from '../test/contract/vsphere-control.ts';
import { startVcsim, type Vcsim } from '../test/peers/vcsim/vcsim.ts';
import type { Bench } from './result.ts';
import type { Row } from './measure.ts';

/** 2 datacenters × (2 clusters + 1 host alone) × 1,667: what vcsim 0.24.2 makes in half a minute. */
const model = { datacenters: 2, clusters: 2, standaloneHosts: 1, hosts: 4, vms: 1_667 } as const;
const vms = model.datacenters * (model.clusters + model.standaloneHosts) * model.vms;
const patienceMs = 600_000;
const settleMs = 3_000;
/** Each look costs the server 6 ms and more of what is measured. */
const lookMs = 100;

export const inventory: Bench = async () => {
  await using vcsim = await startVcsim('0.24.2', model);
  const bare = await bareDownload(vcsim);
  await using product = await startProduct();
  await until(async () => {
    const { items } = await product.client.get<{ items: readonly unknown[] }>('/workers');
    return items.length > 0 && (await total(product, 'power = on')) === 0 ? true : undefined;
  });
  // A provider is added to a server that has been up for a while: what it does when it starts is not counted.
  await sleep(settleMs);
  const begun = performance.now();
  const account = { name: 'vcenter', account: vcsim.account, secrets: { password: vcsim.password }, check: false };
  const { id } = await product.client.post<ProviderView>('/providers', account, { timeoutMs: 60_000 });
  await until(async () => {
    const provider = await product.client.get<ProviderView>(`/providers/${id}`);
    if (provider.state === 'stopped') throw new Error(JSON.stringify(provider.error));
    return provider.state === 'following' && (await total(product, 'power = on')) === vms ? true : undefined;
  });
  const stored = (performance.now() - begun) / 1000;
  const peakMiB = await workerMiB(product);
  // vcsim makes its list of what is there first, and listens to changes then: what is renamed meanwhile it never tells.
  await sleep(settleMs);
  const changeMs = await changeSeen(vcsim, product);
  return {
    rows: [
      row(`bare download (${(bare.bytes / 2 ** 20).toFixed(0)} MiB)`, bare.seconds, 0),
      row(`${vms} VMs stored and searchable`, stored, peakMiB),
    ],
    findings: [
      { what: 'first inventory : bare download', value: stored / bare.seconds, limit: 2, unit: '×' },
      { what: 'memory of the worker’s largest process', value: peakMiB, limit: 300, unit: 'MiB' },
      { what: 'a change is found by search after', value: changeMs, limit: 2_000, unit: 'ms' },
    ],
  };
};

/** CPU is not told: most of it is vcsim's own. */
function row(name: string, wallSeconds: number, peakMiB: number): Row {
  return { name, wallSeconds, cpuSeconds: Number.NaN, peakMiB, sumMiB: peakMiB, runs: [] };
}

/** Everything that our provider reads, asked for as one asks with curl: bytes are counted and dropped. */
async function bareDownload({ url, account, password }: Vcsim): Promise<{ seconds: number; bytes: number }> {
  let cookie = '';
  // The certificate is the test's own, on loopback; a bare download does not ask.
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
  const post = (body: string, keep: boolean): Promise<{ status: number; bytes: number; text: string }> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'text/xml', soapaction: '"urn:vim25/6.5"', cookie };
      const sent = request(`${url}/sdk`, { agent, method: 'POST', headers }, (answer) => {
        cookie = answer.headers['set-cookie']?.[0]?.split(';')[0] ?? cookie;
        let bytes = 0;
        let text = '';
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (keep) text += chunk.toString();
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, bytes, text }));
        answer.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(envelope(body));
    });
  await post(encodeCall('Login', ref('SessionManager'), { userName: account.username, password }), true);
  const viewOf = async (type: readonly string[]): Promise<Ref> => {
    const container = { type: 'Folder', value: 'group-d1' };
    const call = encodeCall('CreateContainerView', ref('ViewManager'), { container, type, recursive: true });
    const { text } = await post(call, true);
    const value = /<returnval[^>]*>([^<]+)</.exec(text)?.[1];
    if (value === undefined) throw new Error(`no view: ${text.slice(0, 500)}`);
    return { type: 'ContainerView', value };
  };
  const filters = [placesIn(await viewOf(placeNames)), vmsIn(await viewOf(['VirtualMachine']))];
  let bytes = 0;
  const begun = performance.now();
  for (const filter of filters) {
    const call = encodeCall('RetrievePropertiesEx', ref('PropertyCollector', 'propertyCollector'), {
      specSet: [filter],
      options: {},
    });
    const answer = await post(call, false);
    if (answer.status !== 200) throw new Error(`HTTP status ${answer.status}`);
    bytes += answer.bytes;
  }
  const seconds = (performance.now() - begun) / 1000;
  await post(encodeCall('Logout', ref('SessionManager'), {}), true);
  agent.destroy();
  return { seconds, bytes };
}

/** As vcsim names them. */
function ref(type: string, value = type): Ref {
  return { type, value };
}

/** High-water mark of the worker and of what watches for it, in MiB: the larger of them. */
async function workerMiB(product: Product): Promise<number> {
  const own = (await processesOf(product.home)).filter(({ command }) =>
    /main\.ts (worker|watch-child|step-child)/.test(command),
  );
  if (own.length === 0) throw new Error('no process of the worker is running');
  const peaks = await Promise.all(
    own.map(async ({ pid }) => Number(/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1])),
  );
  return Math.max(...peaks) / 1024;
}

/** The median of five renames. */
async function changeSeen(vcsim: Vcsim, product: Product): Promise<number> {
  await using control = await openControl(vcsim.account, vcsim.password);
  const [vm] = await control.all('VirtualMachine', ['name']);
  if (vm === undefined) throw new Error('no VM');
  const times: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const name = `renamed-${round}`;
    await control.rename(vm.ref, name);
    const begun = performance.now();
    await until(async () => ((await total(product, `name = ${name}`)) === 1 ? true : undefined));
    times.push(performance.now() - begun);
  }
  return times.sort((a, b) => a - b)[2] ?? Number.NaN;
}

async function total(product: Product, filter: string): Promise<number> {
  return (await product.client.get<VmPage>(`/inventory/vms?filter=${encodeURIComponent(filter)}&limit=1`)).total;
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (const end = performance.now() + patienceMs; ; await sleep(lookMs)) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`not within ${patienceMs / 1000} s`);
  }
}
