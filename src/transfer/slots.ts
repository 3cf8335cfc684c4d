/** Leaf buffers, in memory shared with the digest threads, touched when first needed and used again: the bound of a copy's memory. */
import { leafBytes } from './digest.ts';
import { createGate } from './gate.ts';
import { type SharedBuffer, sharedMemory } from './memory.ts';

export type Slots = {
  take(signal: AbortSignal): Promise<SharedBuffer>;
  give(slot: SharedBuffer): void;
};

export function createSlots(count: number): Slots {
  const memory = sharedMemory(count * leafBytes);
  // The last one given back is taken first: what it holds is still in the processor's cache.
  const free = Array.from({ length: count }, (_, index) => memory.subarray(index * leafBytes, (index + 1) * leafBytes));
  free.reverse();
  const gate = createGate(count);
  return {
    async take(signal) {
      await gate.enter(1, signal);
      const slot = free.pop();
      if (slot === undefined) throw new Error('more leaf buffers were let in than there are');
      return slot;
    },
    give(slot) {
      free.push(slot);
      gate.leave(1);
    },
  };
}
