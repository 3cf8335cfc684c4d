/**
 * Words for the appliance's kernel where its machine is emulated: there every instruction counts, and a conversion is little
 * else than a boot and some hundred small programs. Measured with a small guest on 2 cores (docs/benchmarks.md): a fifth to a
 * quarter less CPU time. What they turn off guards programs of the appliance from each other, and all of those are one
 * guest's; what is kept from the host is kept by QEMU. With KVM they would gain little, so there the kernel's own way is left.
 */
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

/** What the environment of libguestfs has more. */
export function applianceWords(accelerator: Accelerator): Readonly<Record<string, string>> {
  return accelerator === 'tcg' ? { LIBGUESTFS_APPEND: emulated.join(' ') } : {};
}
