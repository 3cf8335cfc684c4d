/** This machine's libvirt for the demo: found running, or started; with a storage pool. What was started is remembered. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { runChild } from '../../src/process/child.ts';
import { hideBrokenKvm } from '../peers/no-kvm.ts';

export type Started = { readonly daemons: readonly number[]; readonly pool: boolean };

const uri = 'qemu:///system';
const poolDirectory = '/var/lib/libvirt/images';

export function virsh(...args: string[]): Promise<string> {
  return runChild('virsh', ['-q', '-c', uri, ...args], { timeoutMs: 60_000 });
}

export async function ensureLibvirt(say: (text: string) => void): Promise<Started> {
  const daemons: number[] = [];
  if (!(await runs())) {
    say('starting libvirt');
    if (existsSync('/run/systemd/system')) spawnSync('systemctl', ['start', 'libvirtd']);
    else {
      const hidden = await hideBrokenKvm();
      // A machine without systemd: the daemons are ours to start, and to end with --stop.
      for (const [program, pidFile] of [
        ['/usr/sbin/virtlogd', '/run/virtlogd.pid'],
        ['/usr/sbin/libvirtd', '/run/libvirtd.pid'],
      ] as const) {
        startDaemon([program, '--daemon', '--pid-file', pidFile], hidden);
        daemons.push(Number((await readFile(pidFile, 'utf8').catch(() => '0')).trim()));
      }
    }
    for (let tries = 0; !(await runs()); tries++) {
      if (tries > 100) throw new Error('libvirt did not start; look at /var/log/libvirt or journalctl -u libvirtd');
      await sleep(100);
    }
  }
  return { daemons: daemons.filter((pid) => pid > 1), pool: await ensurePool(say) };
}

/** @param hidden what is to be done before, in a mount namespace of its own; where there can be none it starts as it is */
function startDaemon(words: readonly [string, ...string[]], hidden: string): void {
  const apart = ['--mount', '--propagation', 'slave', 'bash', '-c', `set -e\n${hidden}\nexec "$@"`, 'start', ...words];
  if (hidden !== '' && spawnSync('unshare', apart, { stdio: 'inherit' }).status === 0) return;
  const [program, ...flags] = words;
  spawnSync(program, flags, { stdio: 'inherit' });
}

async function runs(): Promise<boolean> {
  return virsh('hostname').then(
    () => true,
    () => false,
  );
}

/** Debian's libvirt comes without a storage pool. True: it was made here. */
async function ensurePool(say: (text: string) => void): Promise<boolean> {
  const info = await virsh('pool-info', 'default').catch(() => '');
  if (/State:\s+running/.test(info)) return false;
  if (info === '') {
    say(`making the storage pool default in ${poolDirectory}`);
    await virsh('pool-define-as', 'default', 'dir', '--target', poolDirectory);
    await virsh('pool-build', 'default').catch(() => '');
  }
  await virsh('pool-start', 'default');
  return info === '';
}
