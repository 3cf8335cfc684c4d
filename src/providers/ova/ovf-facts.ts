import { vmwareSettings } from './ovf-firmware.ts';
import type { Element } from './xml.ts';

/** What an OVF says of a VM that no other field has, by the names that concerns ask for. What it does not say is left out. */
export type OvfFacts = Readonly<Record<string, boolean>>;

const switches: Readonly<Record<string, string>> = {
  cpuhotaddenabled: 'ova.cpuHotAdd',
  cpuhotremoveenabled: 'ova.cpuHotRemove',
  memoryhotaddenabled: 'ova.memoryHotAdd',
};

export function readFacts(system: Element, hardware: Element | null): OvfFacts {
  const facts: Record<string, boolean> = {};
  for (const [key, value] of [...vmwareSettings(system), ...(hardware === null ? [] : vmwareSettings(hardware))]) {
    const name = switches[key];
    if (name !== undefined) facts[name] = value === 'true';
    if (key === 'sched.cpu.affinity') facts['ova.cpuAffinity'] = value !== '' && value !== 'all';
  }
  return facts;
}
