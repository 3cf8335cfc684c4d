/**
 * A `/dev/kvm` that is there and does not work costs libvirt 15 s for each VM that is defined (measured, 9.0 of Debian 12):
 * it is found by one look at QEMU and missed by the next, so that every look begins anew. libvirtd gets to see none then.
 */
import { existsSync } from 'node:fs';
import { probeAccelerator } from '../../src/conversion/accelerator.ts';

/** A shell line for a mount namespace of one's own; none where KVM works, or is not there. */
export async function hideBrokenKvm(): Promise<string> {
  if (!existsSync('/dev/kvm') || (await probeAccelerator()) === 'kvm') return '';
  // Read-only, because for root every other file is one that it may write.
  return 'none=$(mktemp); mount --bind "$none" /dev/kvm && mount -o remount,bind,ro /dev/kvm; rm -f "$none"';
}
