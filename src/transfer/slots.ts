/** Leaf buffers, in memory shared with the digest threads, made when first needed and used again: the bound of a copy's memory. */
import { leafBytes } from './digest.ts';
import { createGate } from './gate.ts';

export type Slot = { readonly memory: SharedArrayBuffer; readonly buffer: Buffer };
export type Slots = {
  take(signal: AbortSignal): Promise<Slot>;
  give(slot: Slot): void;
};

export function createSlots(count: number): Slots {
  const free: Slot[] = [];
  const gate = createGate(count);
  return {
    async take(signal) {
      await gate.enter(1, signal);
      const slot = free.pop();
      if (slot !== undefined) return slot;
      const memory = new SharedArrayBuffer(leafBytes);
      return { memory, buffer: Buffer.from(memory) };
    },
    give(slot) {
      free.push(slot);
      gate.leave(1);
    },
  };
}
