/**
 * What a converted guest can use, from virt-v2v. No version writes all of it as a document: `-O` (2.8 and newer) has the
 * firmware and the operating system, the debugging log (`-v`) has one line per capability in all versions.
 */
import { SaxesParser } from 'saxes';
import { WherryError } from '../model/errors.ts';
import type { GuestCapabilities, Vm } from '../model/vm.ts';
import type { ToolMessage } from './tool-output.ts';

/** Facts by their name in the log: `gcaps_block_bus` → `virtio-blk`, `i_osinfo` → `debian12`. */
export type Facts = Map<string, string>;

const factPattern = /^(gcaps_[a-z0-9_]+|i_[a-z_]+) = (.{0,200})$/;
const maxFacts = 200;

/**
 * Takes what a line of the log tells into `facts`. The last one counts: the tool prints its result after everything that
 * programs inside the guest print.
 */
export function takeLogLine(facts: Facts, line: string): void {
  const [, name, value] = factPattern.exec(line) ?? [];
  if (name !== undefined && value !== undefined && facts.size < maxFacts) facts.set(name, value.trim());
  const firmware = /^target firmware: (bios|uefi)$/.exec(line)?.[1];
  if (firmware !== undefined) facts.set('firmware', firmware);
}

/** In 2.2 the firmware is only told to people, as an informative message; BIOS is told by its absence. */
export function takeMessage(facts: Facts, message: ToolMessage): void {
  if (message.type === 'info' && message.text.startsWith('This guest requires UEFI')) facts.set('firmware', 'uefi');
}

/** The document of `-O`, as documented for virt-v2v-inspector 2.8 to 2.12: firmware and operating system. */
export function takeOutputXml(facts: Facts, xml: string): void {
  const names: Record<string, string> = {
    osinfo: 'i_osinfo',
    distro: 'i_distro',
    arch: 'i_arch',
    product_name: 'i_product_name',
  };
  const parser = new SaxesParser();
  const path: string[] = [];
  let problem: Error | undefined;
  let text = '';
  parser.on('error', (error) => (problem ??= error));
  parser.on('doctype', () => (problem ??= new Error('a document type is not expected')));
  parser.on('opentag', (tag) => {
    path.push(tag.name);
    text = '';
    const type = tag.attributes['type'];
    if (path.join('/') === 'v2v-inspection/firmware' && (type === 'bios' || type === 'uefi'))
      facts.set('firmware', type);
  });
  parser.on('text', (part) => (text += part));
  parser.on('closetag', (tag) => {
    const name = names[tag.name];
    if (path.join('/') === `v2v-inspection/operatingsystem/${tag.name}` && name !== undefined)
      facts.set(name, text.trim());
    path.pop();
  });
  parser.write(xml).close();
  if (problem !== undefined) throw problem;
}

const blockBuses = { 'virtio-blk': 'virtio-blk', 'virtio-scsi': 'virtio-scsi', ide: 'ide' } as const;
const nics = { 'virtio-net': 'virtio-net', e1000: 'e1000', rtl8139: 'rtl8139' } as const;
const machines = { i440fx: 'pc', pc: 'pc', q35: 'q35', virt: 'virt' } as const;

/** @throws conversion.result_unknown when the tool did not say what a target has to know. */
export function capabilitiesOf(facts: Facts, vm: Vm, version: string): GuestCapabilities {
  const one = <T extends Record<string, string>>(name: string, values: T): T[keyof T] => {
    const said = facts.get(name);
    const value =
      said === undefined ? undefined : (Object.entries(values).find(([key]) => key === said)?.[1] as T[keyof T]);
    if (value === undefined) {
      throw new WherryError('conversion.result_unknown', { vm: vm.name, version, missing: `${name} = ${said ?? ''}` });
    }
    return value;
  };
  const yes = (name: string): boolean => facts.get(name) === 'true';
  const efi = facts.get('firmware') === 'uefi';
  return {
    blockBus: one('gcaps_block_bus', blockBuses),
    nic: one('gcaps_net_bus', nics),
    machine: one('gcaps_machine', machines),
    firmware: { type: efi ? 'efi' : 'bios', secureBoot: efi && vm.firmware.secureBoot },
    arch: told(facts, 'gcaps_arch') ?? told(facts, 'i_arch') ?? 'x86_64',
    rng: yes('gcaps_virtio_rng'),
    balloon: yes('gcaps_virtio_balloon'),
    panic: yes('gcaps_isa_pvpanic'),
    vsock: yes('gcaps_virtio_socket'),
    virtio10: yes('gcaps_virtio_1_0'),
    os: told(facts, 'i_osinfo') ?? told(facts, 'i_distro') ?? '',
  };
}

function told(facts: Facts, name: string): string | undefined {
  const value = facts.get(name);
  return value === undefined || value === '' || value === 'unknown' ? undefined : value;
}
