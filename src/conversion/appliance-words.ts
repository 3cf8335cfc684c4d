/**
 * Words for the appliance's kernel where its machine is emulated: there every instruction counts, and a conversion is little
 * else than a boot and some hundred small programs. Measured with a small guest on 2 cores (docs/benchmarks.md): a fifth to a
 * quarter less CPU time. What they turn off guards programs of the appliance from each other, and all of those are one
 * guest's; what is kept from the host is kept by QEMU. With KVM they would gain little, so there the kernel's own way is left.
 */
import { availableParallelism } from 'node:os';
import type { Accelerator } from './accelerator.ts';

const emulated = [
  // Return trampolines and the like make each call a jump that an emulator, which speculates about nothing, has to look up.
  'mitigations=off',
  // Each page is zeroed when it is given out, and again by whoever asked for it.
  'init_on_alloc=0',
  // One level more of page tables to walk in software.
  'no5lvl',
  // Each copy from or to a program ends a translated block twice and uses another table of translated addresses.
  'nosmap',
  'nosmep',
  'hardened_usercopy=off',
  // A random stack offset for each call of the kernel, and random places for programs.
  'randomize_kstack_offset=off',
  'norandmaps',
  'apparmor=0',
  'audit=0',
];

/**
 * What the environment of libguestfs has more. The appliance gets as many processors as the machine has, and pays for keeping
 * them in step; on two cores one of them is the copy's, and a conversion hardly ever uses more than the other.
 */
export function applianceWords(
  accelerator: Accelerator,
  cores = availableParallelism(),
): Readonly<Record<string, string>> {
  if (accelerator === 'kvm') return {};
  return { LIBGUESTFS_APPEND: [...emulated, ...(cores <= 2 ? ['maxcpus=1'] : [])].join(' ') };
}
