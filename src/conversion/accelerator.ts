/**
 * Whether virtual machines can run with KVM here. `/dev/kvm` being there proves nothing: there are hosts where it opens,
 * makes machines and then hangs or aborts with the host's CPU. So a tiny guest is booted with the host's CPU and has to
 * reach long mode in time.
 */
import { access, constants, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { startChild } from '../process/child.ts';
import { bootSector, exitCode, exitPort } from './boot-sector.ts';
import { cacheDirectory } from './cache.ts';

export type Accelerator = 'kvm' | 'tcg';

const timeoutMs = 10_000;
let known: Promise<Accelerator> | undefined;

/**
 * What to run guests with. Found once per process, and remembered in a file until the machine is booted again or the
 * user changes, because a KVM that hangs costs the whole time-out. Takes 10 s at most, 0.2 s where KVM works.
 */
export async function probeAccelerator(signal?: AbortSignal): Promise<Accelerator> {
  signal?.throwIfAborted();
  const probe = (known ??= remembered(signal));
  try {
    return await probe;
  } catch (error) {
    known = undefined;
    throw error;
  }
}

/** Boots the tiny guest. True when it came as far as it should, in time. */
export async function bootsWith(accelerator: Accelerator, signal?: AbortSignal): Promise<boolean> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'wherry-probe-'));
  try {
    const image = path.join(directory, 'sector.raw');
    await writeFile(image, bootSector());
    const drive = `file=${image.replaceAll(',', ',,')},format=raw,if=ide,snapshot=on`;
    const machine = ['-accel', accelerator, '-cpu', 'max', '-m', '16', '-nodefaults', '-no-user-config', '-no-reboot'];
    const devices = ['-display', 'none', '-drive', drive, '-device', `isa-debug-exit,iobase=${exitPort},iosize=1`];
    const child = await startChild('qemu-system-x86_64', [...machine, ...devices], { env: { TMPDIR: directory } });
    const stop = (): void => void child.stop(500);
    const timer = setTimeout(stop, timeoutMs);
    signal?.addEventListener('abort', stop, { once: true });
    const exit = await child.exited;
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    signal?.throwIfAborted();
    return exit.code === exitCode;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function remembered(signal?: AbortSignal): Promise<Accelerator> {
  const usable = await access('/dev/kvm', constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!usable) return 'tcg';
  const key = `${await bootId()} uid ${process.getuid?.() ?? -1}`;
  const file = path.join(await cacheDirectory('accelerator'), 'result');
  const [storedKey, stored] = (await readFile(file, 'utf8').catch(() => '')).split('\n');
  if (storedKey === key && (stored === 'kvm' || stored === 'tcg')) return stored;
  const found = (await bootsWith('kvm', signal)) ? 'kvm' : 'tcg';
  const fresh = `${file}.${process.pid}`;
  await writeFile(fresh, `${key}\n${found}\n`, { mode: 0o600 });
  await rename(fresh, file);
  return found;
}

/** Changes with every boot of the machine. */
async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => String(os.uptime()))).trim();
}
