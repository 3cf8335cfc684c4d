import type { Bad } from './ovf.ts';
import { type Item, resourceType } from './ovf-items.ts';
import { toBytes } from './units.ts';
import { xenSettings } from './ovf-firmware.ts';
import { type Element, textOf } from './xml.ts';

const limits = { cpus: 4096, memoryBytes: 2 ** 50 };

/** CPUs and memory. Without a word about CPUs it is one, as OVF has it; `memoryBytes` is null when nothing is said. */
export function readProcessors(
  items: readonly Item[],
  hardware: Element | null,
  bad: Bad,
): { cpus: number; coresPerSocket: number; memoryBytes: number | null } {
  const processor = items.find((item) => item.type === resourceType.processor);
  const cpus = count(processor?.field('VirtualQuantity') ?? ovirtCpus(processor), 'number of CPUs', bad);
  const xenPlatform = hardware === null ? '' : (xenSettings(hardware).get('platform') ?? '');
  const perSocket =
    processor === undefined
      ? null
      : (textOf(processor.element, 'vmw', 'CoresPerSocket') ??
        processor.field('cpu_per_socket') ??
        /(?:^|;)\s*cores-per-socket=(\d+)/.exec(xenPlatform)?.[1] ??
        null);
  const coresPerSocket = perSocket === null ? 0 : count(perSocket, 'number of cores per socket', bad);
  return { cpus, coresPerSocket, memoryBytes: readMemory(items, bad) };
}

/** oVirt before 4.0 writes no total, only what it is the product of. */
function ovirtCpus(processor: Item | undefined): string {
  const factors = ['num_of_sockets', 'cpu_per_socket', 'threads_per_cpu'].map((name) => processor?.field(name) ?? '1');
  return String(factors.reduce((product, factor) => product * Number(factor), 1));
}

function readMemory(items: readonly Item[], bad: Bad): number | null {
  const memory = items.find((item) => item.type === resourceType.memory);
  const quantity = memory?.field('VirtualQuantity') ?? null;
  if (memory === undefined || quantity === null || Number(quantity) === 0) return null;
  const unit = memory.field('AllocationUnits');
  const bytes = toBytes(quantity, unit ?? 'byte');
  // Some tools leave the unit out and mean MiB: nothing runs in less than a MiB.
  const meant = unit === null && bytes !== null && bytes < 2 ** 20 ? bytes * 2 ** 20 : bytes;
  if (meant === null || meant > limits.memoryBytes) {
    throw bad(`it asks for ${quantity.slice(0, 40)} ${(unit ?? 'bytes').slice(0, 40)} of memory`);
  }
  return meant;
}

function count(text: string, what: string, bad: Bad): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > limits.cpus) throw bad(`its ${what} is ${text.slice(0, 40)}`);
  return value;
}
