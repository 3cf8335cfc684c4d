import { attribute, childOf, childrenOf, type Element, textOf } from './xml.ts';

/** One line of virtual hardware, as CIM names its fields. */
export type Item = {
  /** What other items call it by; empty when it has none. */
  readonly id: string;
  readonly type: string;
  readonly subtype: string;
  readonly element: Element;
  /** A CIM field; null when absent or empty. */
  field(name: string): string | null;
};

/** `ResourceType`, DMTF CIM_ResourceAllocationSettingData. */
export const resourceType = {
  processor: '3',
  memory: '4',
  ide: '5',
  scsi: '6',
  ethernet: '10',
  disk: '17',
  /** What the Xen tools call their disks. */
  storageExtent: '19',
  storage: '20',
  usb: '23',
  nvme: '32768',
} as const;

/**
 * The hardware of the default deployment: items of other configurations are left out, one of the default configuration
 * replaces the general one with its id, and limits (`ovf:bound`) are no hardware.
 */
export function readItems(envelope: Element, hardware: Element | null): Item[] {
  if (hardware === null) return [];
  const chosen = defaultConfiguration(envelope);
  const items: Item[] = [];
  for (const name of ['Item', 'StorageItem', 'EthernetPortItem']) {
    for (const element of childrenOf(hardware, 'ovf', name)) {
      const bound = attribute(element, 'ovf', 'bound');
      if (bound !== null && bound !== 'normal') continue;
      const configurations = attribute(element, 'ovf', 'configuration');
      if (configurations !== null && !configurations.split(/\s+/).includes(chosen ?? '')) continue;
      const item = toItem(element);
      const general = configurations === null || item.id === '' ? -1 : items.findIndex(({ id }) => id === item.id);
      if (general >= 0) items[general] = item;
      else items.push(item);
    }
  }
  return items;
}

function toItem(element: Element): Item {
  const field = (name: string): string | null => textOf(element, 'rasd', name);
  return {
    // InstanceId in OVF 1.0 drafts and at oVirt.
    id: field('InstanceID') ?? field('InstanceId') ?? '',
    type: field('ResourceType') ?? '',
    subtype: field('ResourceSubType') ?? '',
    element,
    field,
  };
}

function defaultConfiguration(envelope: Element): string | null {
  const section = childOf(envelope, 'ovf', 'DeploymentOptionSection');
  if (section === null) return null;
  const all = childrenOf(section, 'ovf', 'Configuration');
  const marked = all.find((configuration) => attribute(configuration, 'ovf', 'default') === 'true') ?? all[0];
  return marked === undefined ? null : attribute(marked, 'ovf', 'id');
}
