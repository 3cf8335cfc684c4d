import type { Firmware } from '../../model/vm.ts';
import { attribute, childOf, childrenOf, type Element, textOf } from './xml.ts';

/** BIOS unless one of the dialects says EFI: that is what every importer assumes of an OVF that says nothing. */
export function readFirmware(system: Element, hardware: Element | null): Firmware {
  const settings = new Map([...vmwareSettings(system), ...(hardware === null ? [] : vmwareSettings(hardware))]);
  const xen = hardware === null ? new Map<string, string>() : xenSettings(hardware);
  // 0 and 1 are BIOS. In an OVF the engine counts from 0, in its API and database from 1 (its OvfWriter.writeBiosType).
  const ovirt = textOf(system, 'ovf', 'BiosType') ?? '';
  const secureBoot =
    settings.get('bootoptions.efisecurebootenabled') === 'true' ||
    settings.get('uefi.secureboot.enabled') === 'true' ||
    ovirt === '3' ||
    /\bsecureboot=true\b/.test(xen.get('platform') ?? '');
  const efi =
    settings.get('firmware') === 'efi' ||
    ovirt === '2' ||
    ovirt === '3' ||
    virtualBoxFirmware(system).startsWith('efi') ||
    /\bfirmware=uefi\b/.test(xen.get('hvm_boot_params') ?? '');
  return { type: efi ? 'efi' : 'bios', secureBoot: efi && secureBoot };
}

/** VMware's settings of a VM, keys and values in lower case: `<vmw:Config vmw:key= vmw:value=>` and `ExtraConfig`. */
export function vmwareSettings(element: Element): [string, string][] {
  return ['Config', 'ExtraConfig'].flatMap((name) =>
    childrenOf(element, 'vmw', name).map((setting): [string, string] => [
      (attribute(setting, 'vmw', 'key') ?? '').toLowerCase(),
      (attribute(setting, 'vmw', 'value') ?? '').toLowerCase(),
    ]),
  );
}

function virtualBoxFirmware(system: Element): string {
  const machine = childOf(system, 'vbox', 'Machine');
  for (const space of ['vbox', 'ovf'] as const) {
    const hardware = machine === null ? null : childOf(machine, space, 'Hardware');
    const firmware = hardware === null ? null : childOf(hardware, space, 'Firmware');
    if (firmware !== null) return (attribute(firmware, space, 'type') ?? '').toLowerCase();
  }
  return '';
}

/** XenServer's and XCP-ng's: <xenovf:VirtualSystemOtherConfigurationData Name="HVM_boot_params"><Value>…. */
export function xenSettings(hardware: Element): Map<string, string> {
  const settings = new Map<string, string>();
  for (const data of childrenOf(hardware, 'xen', 'VirtualSystemOtherConfigurationData')) {
    const name = attribute(data, 'xen', 'Name') ?? '';
    const value = textOf(data, 'xen', 'Value') ?? textOf(data, 'ovf', 'Value') ?? '';
    settings.set(name.toLowerCase(), value.toLowerCase());
  }
  return settings;
}
