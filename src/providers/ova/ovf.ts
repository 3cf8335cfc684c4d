import { WherryError } from '../../model/errors.ts';
import type { Firmware, Vm, VmDisk, VmNic } from '../../model/vm.ts';
import { findOrigin } from './ovf-origin.ts';
import { readDrives } from './ovf-drives.ts';
import { readDisks } from './ovf-disks.ts';
import { type OvfFacts, readFacts } from './ovf-facts.ts';
import { readFirmware } from './ovf-firmware.ts';
import { readItems } from './ovf-items.ts';
import { readNics } from './ovf-nics.ts';
import { readProcessors } from './ovf-processors.ts';
import { attribute, childOf, childrenOf, type Element, parseXml, textOf, type Where } from './xml.ts';

/** What an OVF says, before anything was compared with the files that it names. */
export type Ovf = {
  readonly systems: readonly OvfSystem[];
  /** Files of disks that are described and that no VM uses. */
  readonly unusedFiles: readonly string[];
};

/** One virtual machine. */
export type OvfSystem = Omit<Vm, 'disks' | 'memoryBytes'> & {
  /** Null when it does not say. */
  readonly memoryBytes: number | null;
  readonly drives: readonly OvfDrive[];
  /** Disk drives that name no disk. */
  readonly emptyDrives: readonly string[];
  readonly nics: readonly VmNic[];
  readonly firmware: Firmware;
  readonly facts: OvfFacts;
};

/** A disk of a VM: where it is plugged in and what it is made from. */
export type OvfDrive = Pick<VmDisk, 'id' | 'name' | 'bus' | 'controller' | 'unit' | 'bootOrder'> & {
  readonly disk: OvfDisk;
};

export type OvfDisk = {
  readonly id: string;
  readonly name: string | null;
  /** Null: an empty disk of `capacityBytes`. */
  readonly file: OvfFile | null;
  /** Null when it does not say, or says it by a property that is filled in at deployment. */
  readonly capacityBytes: number | null;
  readonly format: VmDisk['format'] | null;
  /** The format as written, for errors. */
  readonly formatText: string;
  /** Another disk of the OVF that this one is only the difference to. */
  readonly parentRef: string | null;
  /** oVirt only. */
  readonly bus: VmDisk['bus'] | null;
  readonly boots: boolean;
};

export type OvfFile = {
  readonly id: string;
  readonly href: string;
  readonly sizeBytes: number | null;
  /** `identity` when it is stored as it is. */
  readonly compression: string;
  readonly chunkBytes: number | null;
};

/**
 * Reads an OVF of version 0.9 to 2.x in the dialects of VMware, VirtualBox, oVirt and the Xen tools. What one of its VMs
 * cannot be migrated for (a chunked disk, say) is left to when that VM is asked for: the others can still be listed.
 * @throws ova.doctype, ova.encoding, ova.bad_ovf
 */
export function parseOvf(data: Buffer, where: Where): Ovf {
  const envelope = parseXml(data, where);
  const bad = (problem: string): WherryError => new WherryError('ova.bad_ovf', { ...where, problem });
  if (envelope.name !== 'Envelope') throw bad(`its first element is ${envelope.name}, not Envelope`);
  const elements = systemsIn(envelope);
  if (elements.length === 0) throw bad('it describes no virtual machine');
  const disks = readDisks(envelope, bad);
  const systems = elements.map((element, index) => readSystem(envelope, element, index, disks, bad));
  const ids = new Set<string>();
  for (const { id } of systems) {
    if (ids.has(id)) throw bad(`two virtual machines have the id ${id}`);
    ids.add(id);
  }
  return { systems, unusedFiles: unusedFiles(disks, systems) };
}

function unusedFiles(disks: ReadonlyMap<string, OvfDisk>, systems: readonly OvfSystem[]): string[] {
  const used = new Set(systems.flatMap(({ drives }) => drives.map(({ disk }) => disk.file?.id)));
  const described = [...disks.values()].filter(({ id }) => !id.startsWith('file:'));
  return described.flatMap(({ file }) => (file === null || used.has(file.id) ? [] : [file.href]));
}

/** Reports what is wrong with an OVF; knows which file it is in. */
export type Bad = (problem: string) => WherryError;

function systemsIn(element: Element): Element[] {
  const collections = childrenOf(element, 'ovf', 'VirtualSystemCollection');
  return [...childrenOf(element, 'ovf', 'VirtualSystem'), ...collections.flatMap(systemsIn)];
}

function readSystem(
  envelope: Element,
  element: Element,
  index: number,
  disks: ReadonlyMap<string, OvfDisk>,
  bad: Bad,
): OvfSystem {
  const hardware = childOf(element, 'ovf', 'VirtualHardwareSection');
  const system = hardware === null ? null : childOf(hardware, 'ovf', 'System');
  const machine = childOf(element, 'vbox', 'Machine');
  const items = readItems(envelope, hardware);
  const origin = findOrigin(envelope, system);
  const name =
    localized(envelope, childOf(element, 'ovf', 'Name')) ??
    (machine === null ? null : attribute(machine, 'vbox', 'name')) ??
    textOf(system, 'vssd', 'VirtualSystemIdentifier') ??
    attribute(element, 'ovf', 'id') ??
    `vm-${index + 1}`;
  const { drives, emptyDrives } = readDrives(items, element, disks, origin, bad);
  return {
    id: attribute(element, 'ovf', 'id') ?? name,
    name,
    description: readDescription(envelope, element),
    origin,
    ...readProcessors(items, hardware, bad),
    firmware: readFirmware(element, hardware),
    facts: readFacts(element, hardware),
    os: readOs(envelope, element),
    drives,
    emptyDrives,
    nics: readNics(items, machine, origin),
  };
}

function readDescription(envelope: Element, element: Element): string {
  const annotation = childOf(element, 'ovf', 'AnnotationSection');
  const text =
    (annotation === null ? null : localized(envelope, childOf(annotation, 'ovf', 'Annotation'))) ??
    textOf(element, 'ovf', 'Description') ??
    '';
  return text.slice(0, 8_192);
}

function readOs(envelope: Element, element: Element): Vm['os'] {
  const section = childOf(element, 'ovf', 'OperatingSystemSection');
  if (section === null) return { id: '', name: '' };
  const id =
    section.attributes.get('vmw:osType') ?? textOf(section, 'vbox', 'OSType') ?? attribute(section, 'ovf', 'id') ?? '';
  return { id, name: localized(envelope, childOf(section, 'ovf', 'Description')) ?? '' };
}

/** A text, or what its message id stands for in the first bundle of strings inside of the OVF. */
function localized(envelope: Element, element: Element | null): string | null {
  if (element === null) return null;
  const id = attribute(element, 'ovf', 'msgid');
  if (id !== null) {
    for (const bundle of childrenOf(envelope, 'ovf', 'Strings')) {
      const found = childrenOf(bundle, 'ovf', 'Msg').find((message) => attribute(message, 'ovf', 'msgid') === id);
      if (found !== undefined && found.text !== '') return found.text;
    }
  }
  return element.text === '' ? null : element.text;
}
