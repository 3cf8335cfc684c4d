/**
 * Whether a guest really runs. That QEMU runs says little: a VM without a bootable disk runs too. Signs of life are what
 * the guest (not its firmware) printed on its serial console, and that it read more from its disks than a boot sector.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WherryError } from '../../model/errors.ts';
import type { TargetVm } from '../provider.ts';
import { doing, type TargetContext } from './context.ts';
import { noneIfMissing } from './mark.ts';
import type { Domain } from './rpc/calls.ts';
import type { LibvirtClient } from './client.ts';
import { uuidOf } from './vms.ts';

/** Firmware that finds nothing to boot reads a few sectors; any kernel is larger than this. */
const bootedReadBytes = 1024 * 1024;
const pollMs = 250;
/**
 * A program of the guest that prints on the serial console is the best sign, but many guests never print there. After so
 * long, what the kernel printed or that the disks were read is enough. Emulated guests are waited for longer: ours took 3
 * to 20 s to user space, a real Debian 31 s (measured, TCG).
 */
const patienceMs = { kvm: 30_000, tcg: 90_000 };
/** What firmware and boot loader print, with and without anything to boot. */
const beforeTheGuest =
  /^(BdsDxe|>>|SeaBIOS|iPXE|UEFI|Booting |Press |No bootable|Machine UUID|Boot failed|Shell>|(Welcome to )?GRUB|grub rescue|Entering rescue|error: |Loading |early console|Decompressing |EFI stub)/;
const kernelLine = /^\[ *\d+\.\d+\]/;

type Signs = { readonly cpuMs: number; readonly readBytes: number; readonly console: readonly string[] };

/**
 * Resolves once it has run for `settleMs` and has shown a sign of life.
 * @throws libvirt.boot_failed when it stops, or shows no sign within `timeoutMs`; libvirt.vm_gone.
 */
export async function checkBoot(
  context: TargetContext,
  vm: TargetVm,
  options: { settleMs: number; timeoutMs: number },
  signal: AbortSignal,
): Promise<{ readonly evidence: string }> {
  const client = await context.client(signal);
  const start = performance.now();
  const patientUntilMs = Math.min(options.timeoutMs, options.settleMs + patienceMs[await context.accelerator()]);
  for (;;) {
    const domain = await client.domains.byUuid(uuidOf(vm), signal).catch(noneIfMissing);
    if (domain === null) throw new WherryError('libvirt.vm_gone', { vm: vm.name });
    const { state, reason } = await doing('look at the VM', vm.name, client.domains.state(domain, signal));
    const ranMs = performance.now() - start;
    if (state !== 'running' && state !== 'blocked') {
      const what = `is ${state}${shutOffReason(state, reason)} after ${seconds(ranMs)} s`;
      throw new WherryError('libvirt.boot_failed', { vm: vm.name, what }, await lastWords(context, vm));
    }
    const signs = await readSigns(client, domain, vm, signal);
    const told = signs.console.some((line) => !kernelLine.test(line));
    const alive = signs.console.length > 0 || signs.readBytes >= bootedReadBytes;
    if (ranMs >= options.settleMs && (told || (alive && ranMs >= patientUntilMs))) {
      return { evidence: describe(signs, ranMs) };
    }
    if (ranMs >= options.timeoutMs) {
      const what = `shows no sign of life: ${describe(signs, ranMs)}`;
      throw new WherryError('libvirt.boot_failed', { vm: vm.name, what });
    }
    await sleep(pollMs, undefined, { signal });
  }
}

async function readSigns(client: LibvirtClient, domain: Domain, vm: TargetVm, signal: AbortSignal): Promise<Signs> {
  const info = await doing('look at the VM', vm.name, client.domains.info(domain, signal));
  // An empty name means all disks; a VM without disks has no such numbers.
  const stats = await client.domains.blockStats(domain, '', signal).catch(() => ({ readBytes: 0 }));
  return {
    cpuMs: info.cpuTimeNs / 1e6,
    readBytes: stats.readBytes,
    console: await consoleLines(vm),
  };
}

function describe(signs: Signs, ranMs: number): string {
  const read = `${Math.round(signs.readBytes / 1024)} KiB read from its disks`;
  const lines = signs.console.length === 0 ? 'nothing on its console' : `console: ${signs.console.join(' | ')}`;
  return `running for ${seconds(ranMs)} s, ${seconds(signs.cpuMs)} s of CPU time, ${read}, ${lines}`;
}

/** The last lines that the guest itself printed on its console, without control sequences. */
async function consoleLines(vm: TargetVm): Promise<string[]> {
  const path = vm.ref['consoleLog'];
  if (path === undefined) return [];
  const text = await readFile(path, 'utf8').catch(() => ''); // virtlogd keeps it under 2 MiB
  // Whole lines only: the first half of what the boot loader says would look like the guest's.
  return plainLines(text.slice(Math.max(0, text.length - 64 * 1024), text.lastIndexOf('\n') + 1))
    .filter((line) => !beforeTheGuest.test(line))
    .slice(-3);
}

/** Lines of a terminal's output as a person would have seen them, without those that are empty. */
export function plainLines(text: string): string[] {
  return text
    .split(/[\r\n]+/)
    .map((line) =>
      line
        .replace(/\p{Cc}\[[0-?]*[ -/]*[@-~]/gu, '')
        .replace(/\p{Cc}/gu, '')
        .trim()
        .slice(0, 200),
    )
    .filter((line) => line !== '');
}

/** The end of what QEMU and libvirt logged about this VM, where we may read it. */
async function lastWords(context: TargetContext, vm: TargetVm): Promise<Error | undefined> {
  const text = await readFile(join(context.logDirectory, `${vm.name}.log`), 'utf8').catch(() => '');
  const lines = text.trim().split('\n').slice(-3).join('\n').slice(-2000);
  return lines === '' ? undefined : new Error(lines);
}

/** virDomainShutoffReason. */
function shutOffReason(state: string, reason: number): string {
  const reasons: Readonly<Record<number, string>> = {
    1: 'it shut down',
    2: 'somebody stopped it',
    3: 'QEMU crashed',
    6: 'it failed to start',
  };
  const text = state === 'shut-off' ? reasons[reason] : undefined;
  return text === undefined ? '' : ` (${text})`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
