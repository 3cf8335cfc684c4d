/**
 * script/demo: a VMware-style appliance becomes a running guest on this machine's libvirt, with live progress, and the
 * console is left running. `--stop` ends it and takes away what the demo made.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { openSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createClient } from '../../src/cli/client.ts';
import type { MigrationPage, MigrationView } from '../../src/migration/api.ts';
import { metadataNamespace } from '../../src/providers/domain/domain-xml.ts';
import { buildDemoOva } from '../peers/guest/appliance.ts';
import { ensureLibvirt, virsh } from './libvirt.ts';

type State = {
  readonly server: number;
  readonly address: string;
  readonly daemons: readonly number[];
  readonly pool: boolean;
  /** VMs made of the demo's own appliance; those of the user's appliances stay. */
  readonly vms: readonly string[];
};

const wherry = fileURLToPath(new URL('../../bin/wherry', import.meta.url));
const home = process.env['WHERRY_HOME'] ?? '/var/lib/wherry-demo';
const stateFile = join(home, 'demo.json');
const client = createClient({ server: null, token: null, home });

const [word] = process.argv.slice(2);
if (word === '--stop') await stop();
else await demo(word);

async function demo(given: string | undefined): Promise<void> {
  const begun = performance.now();
  await mkdir(home, { recursive: true, mode: 0o711 });
  const before = await readState();
  const libvirt = await ensureLibvirt(say);
  const { server, address } = await ensureServer(before);
  const name = given === undefined ? await freeName('wherry-demo') : null;
  const state: State = {
    server,
    address,
    daemons: [...(before?.daemons ?? []), ...libvirt.daemons],
    pool: libvirt.pool || before?.pool === true,
    vms: [...(before?.vms ?? []), ...(name === null ? [] : [name])],
  };
  await writeFile(stateFile, JSON.stringify(state), { mode: 0o600 });

  const token = randomBytes(6).toString('hex');
  const appliance = given === undefined ? await buildAppliance(token, name ?? '') : null;
  const path = appliance?.path ?? given ?? '';
  say(`wherry import ${path} --to libvirt --network user`);
  const importing = performance.now();
  const { status } = spawnSync(wherry, ['import', path, '--to', 'libvirt', '--network', 'user', '--home', home], {
    stdio: 'inherit',
  });
  const importSeconds = (performance.now() - importing) / 1000;
  await rm(join(home, 'appliance'), { recursive: true, force: true });
  if (status !== 0) {
    say(`the migration failed; the console shows why: ${state.address}`);
    process.exit(1);
  }
  const view = await newest();
  const log = await client.text(`/vm-migrations/${view.vmMigrations[0]?.id}/log.txt`);
  const evidence = log.split('\n').find((line) => line.includes('the guest runs')) ?? '';
  if (appliance !== null && !evidence.includes(appliance.marker)) {
    throw new Error(`the guest’s marker was not seen on its console: ${evidence}`);
  }
  const vm = view.vmMigrations[0]?.targetName ?? '';
  say(`proof: ${evidence.replace(/^.*the guest runs: /, '')}`);
  say(`virsh says: ${vm} is ${(await virsh('domstate', vm)).trim()}`);
  const convert = secondsOf(view, 'convert');
  const boot = secondsOf(view, 'check-boot');
  const own = importSeconds - convert - boot;
  say(
    `${((performance.now() - begun) / 1000).toFixed(1)} s in all: virt-v2v ${convert.toFixed(1)} s, the guest’s boot ` +
      `${boot.toFixed(1)} s, everything else of the migration ${own.toFixed(1)} s`,
  );
  say(`console: ${state.address}`);
  const setUp = await readFile(join(home, 'setup-token'), 'utf8').catch(() => '');
  if (setUp !== '') say(`first sign-in there asks for this set-up token: ${setUp.trim()}`);
  say('script/demo --stop ends it');
}

async function buildAppliance(token: string, vmName: string): ReturnType<typeof buildDemoOva> {
  say('making a small VMware-style OVA with a bootable Debian-like guest in it');
  const dir = join(home, 'appliance');
  await mkdir(dir, { recursive: true, mode: 0o700 });
  return buildDemoOva({ dir, token, vmName });
}

async function ensureServer(before: State | null): Promise<{ server: number; address: string }> {
  if (before !== null && (await answers())) return before;
  const address = `127.0.0.1:${await freePort(7117)}`;
  say(`starting Wherry on http://${address}`);
  const log = openSync(join(home, 'server.log'), 'a', 0o600);
  const child = spawn(wherry, ['server', '--home', home, '--listen', address], {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: '/',
  });
  child.unref();
  for (let tries = 0; !(await answers()); tries++) {
    if (tries > 600 || child.exitCode !== null) throw new Error(`Wherry did not start; look at ${home}/server.log`);
    await sleep(100);
  }
  return { server: child.pid ?? -1, address: `http://${address}` };
}

async function stop(): Promise<void> {
  const state = await readState();
  if (state === null) return say('no demo is here to be stopped');
  for (const vm of state.vms) {
    // One of that name that did not come from us is somebody's own, made after ours was removed by hand.
    if ((await virsh('metadata', vm, '--uri', metadataNamespace).catch(() => '')) === '') continue;
    await virsh('destroy', vm).catch(() => '');
    await virsh('undefine', vm, '--nvram', '--remove-all-storage').catch(() => '');
    say(`removed the guest ${vm}`);
  }
  await end(state.server, (each) => each === home);
  say('stopped Wherry');
  if (state.pool && (await virsh('vol-list', 'default').catch(() => 'x')).trim() === '') {
    await virsh('pool-destroy', 'default').catch(() => '');
    await virsh('pool-undefine', 'default').catch(() => '');
  }
  for (const pid of state.daemons.toReversed()) await end(pid, (each) => /\/(virtlogd|libvirtd)$/.test(each));
  await rm(home, { recursive: true, force: true });
}

/** The process of that number, if it still is ours: after a restart of the machine it is somebody else's. */
async function end(pid: number, isOurs: (word: string) => boolean): Promise<void> {
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  if (!command.split('\0').some(isOurs)) return;
  for (let tries = 0; tries < 300; tries++) {
    try {
      process.kill(pid, tries === 0 ? 'SIGTERM' : 0);
    } catch {
      return;
    }
    await sleep(100);
  }
}

async function newest(): Promise<MigrationView> {
  const page = await client.get<MigrationPage>('/migrations');
  return client.get<MigrationView>(`/migrations/${page.items[0]?.id}`);
}

function secondsOf(view: MigrationView, name: string): number {
  const step = view.vmMigrations[0]?.steps.find((each) => each.name === name);
  if (step === undefined || step.startedAt === null || step.endedAt === null || step.state === 'skipped') return 0;
  return (Date.parse(step.endedAt) - Date.parse(step.startedAt)) / 1000;
}

async function readState(): Promise<State | null> {
  const text = await readFile(stateFile, 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as State);
}

async function answers(): Promise<boolean> {
  return client.get('/session', { timeoutMs: 2_000 }).then(
    () => true,
    () => false,
  );
}

async function freeName(wanted: string): Promise<string> {
  const taken = new Set((await virsh('list', '--all', '--name')).split('\n').map((line) => line.trim()));
  for (let number = 1; ; number++) {
    const name = number === 1 ? wanted : `${wanted}-${number}`;
    if (!taken.has(name)) return name;
  }
}

function freePort(from: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', () => (from > 7200 ? reject(new Error('no free port')) : resolve(freePort(from + 1))));
    probe.listen(from, '127.0.0.1', () => probe.close(() => resolve(from)));
  });
}

function say(text: string): void {
  console.log(`\x1b[1m==>\x1b[0m ${text}`);
}
