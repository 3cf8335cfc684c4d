/**
 * A `/dev/kvm` that is there and does not work costs libvirt 15 s for each VM that is defined (measured, 9.0 of Debian 12):
 * it is found by one look at QEMU and missed by the next, so that every look begins anew. libvirtd gets to see none then.
 */
import { existsSync } from 'node:fs';
import { probeAccelerator } from '../../src/conversion/accelerator.ts';

/** Shell lines for a mount namespace of one's own; none where KVM works, or is not there. */
export async function hideBrokenKvm(): Promise<string> {
  if (!existsSync('/dev/kvm') || (await probeAccelerator()) === 'kvm') return '';
  // All of /dev but that: a mount over the device itself is one that libvirt cannot take along into its guests' namespaces.
  return `
    dev=$(mktemp -d)
    mount -t tmpfs -o mode=755 tmpfs "$dev"
    cp -a -x /dev/. "$dev"
    rm "$dev/kvm"
    for inner in /dev/*/; do if mountpoint -q "$inner"; then mount --rbind "$inner" "$dev\${inner#/dev}"; fi; done
    umount -R -l /dev
    mount --move "$dev" /dev
    rmdir "$dev"`;
}
