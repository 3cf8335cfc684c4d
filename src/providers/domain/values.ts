/** Values as they stand in a libvirt domain's XML, read alike wherever the XML comes from. Pure; nothing absurd is an error. */
import type { Firmware, Vm } from '../../model/vm.ts';
import { allXml, findXml, type XmlElement } from './xml.ts';

/** libvirt's units of memory (docs/formatdomain): powers of 1024 but for those that end in B alone. */
const units: Readonly<Record<string, number>> = {
  b: 1,
  bytes: 1,
  kb: 1_000,
  k: 1024,
  kib: 1024,
  mb: 1_000_000,
  m: 1024 ** 2,
  mib: 1024 ** 2,
  gb: 1_000_000_000,
  g: 1024 ** 3,
  gib: 1024 ** 3,
  tb: 1e12,
  t: 1024 ** 4,
  tib: 1024 ** 4,
};

/** @param unit KiB where it is not said, as libvirt reads it. */
export function bytesOf(text: string | undefined, unit = 'KiB'): number {
  const value = whole(text) * (units[unit.toLowerCase()] ?? 0);
  return Number.isSafeInteger(value) ? value : 0;
}

/** A whole number from 0 on; 0 for anything else. */
export function whole(text: string | undefined): number {
  const value = /^\s*\d{1,16}\s*$/.test(text ?? '') ? Number(text) : 0;
  return Number.isSafeInteger(value) ? value : 0;
}

/** What runs it. */
export function originOf(domain: XmlElement): Vm['origin'] {
  const type = domain.attributes['type'] ?? '';
  if (['kvm', 'qemu', 'hvf'].includes(type)) return 'kvm';
  return type === 'xen' || type === 'vmware' || type === 'hyperv' ? type : 'unknown';
}

/** Of a guest that has one (hvm). libvirt says which, or its loader does: pflash is EFI, and so is what is called like it. */
export function firmwareOf(domain: XmlElement): Firmware {
  const os = findXml(domain, 'os');
  const loader = os === undefined ? undefined : findXml(os, 'loader');
  const said = os?.attributes['firmware'];
  const isEfiLoader = loader?.attributes['type'] === 'pflash' || /ovmf|aavmf|edk2|efi/i.test(loader?.text ?? '');
  const isEfi = said === 'efi' || (said === undefined && isEfiLoader);
  const feature = (name: string): string | undefined =>
    allXml(domain, 'os', 'firmware', 'feature').find((each) => each.attributes['name'] === name)?.attributes['enabled'];
  const asks = feature('secure-boot') === 'yes' || loader?.attributes['secure'] === 'yes';
  return { type: isEfi ? 'efi' : 'bios', secureBoot: isEfi && asks && feature('enrolled-keys') !== 'no' };
}

/** What its maker told libosinfo: http://debian.org/debian/12 is "debian 12". */
export function osOf(domain: XmlElement): Vm['os'] {
  const id = allXml(domain, 'metadata', 'libosinfo:libosinfo', 'libosinfo:os')[0]?.attributes['id'] ?? '';
  const path = /^https?:\/\/[^/]+\/(.+)$/.exec(id)?.[1] ?? '';
  return { id, name: path.replaceAll('/', ' ') };
}
