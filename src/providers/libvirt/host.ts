/** What the libvirt host offers. */
import { access, readdir } from 'node:fs/promises';
import type { LibvirtClient } from './client.ts';
import type { HostNetworks } from './networks.ts';
import { LibvirtError } from './rpc/libvirt-error.ts';
import { allXml, findXml, parseXml } from '../domain/xml.ts';

/** Networks from libvirt, bridges from the kernel: this process is on the same host, or not eligible. */
export async function hostNetworks(client: LibvirtClient, signal: AbortSignal): Promise<HostNetworks> {
  const networks: { name: string; active: boolean }[] = [];
  for (const network of await client.networks.list(signal)) {
    networks.push({ name: network.name, active: await client.networks.isActive(network, signal) });
  }
  const bridges: string[] = [];
  for (const name of await readdir('/sys/class/net').catch(() => [])) {
    const isBridge = await access(`/sys/class/net/${name}/bridge`).then(
      () => true,
      () => false,
    );
    if (isBridge) bridges.push(name);
  }
  return { networks, bridges: bridges.sort(), session: client.session };
}

export type HostFirmware = { readonly efi: boolean; readonly secureBoot: boolean };

/** Null when the host cannot run this architecture at all. */
export async function hostFirmware(
  client: LibvirtClient,
  wanted: { arch: string | null; accelerator: 'kvm' | 'tcg' },
  signal: AbortSignal,
): Promise<HostFirmware | null> {
  const virtType = wanted.accelerator === 'kvm' ? 'kvm' : 'qemu';
  const x86 = wanted.arch === null || wanted.arch === 'x86_64';
  let text: string;
  try {
    const question = { arch: wanted.arch, machine: x86 ? 'q35' : null, virtType };
    text = await client.host.domainCapabilities(question, signal);
  } catch (error) {
    if (error instanceof LibvirtError) return null;
    throw error;
  }
  const xml = parseXml(text);
  const has = (path: readonly string[], enumName: string, value: string): boolean =>
    allXml(xml, ...path, 'enum')
      .filter((element) => element.attributes['name'] === enumName)
      .some((element) => allXml(element, 'value').some((each) => each.text === value));
  return {
    efi: findXml(xml, 'os') !== undefined && has(['os'], 'firmware', 'efi'),
    secureBoot: has(['os', 'loader'], 'secure', 'yes'),
  };
}
