/** What has changed and was not read again yet. Each object once, however often it changed. Pure, but for who waits. */
import type { Touched } from '../rpc/events.ts';

export type Dirty = {
  add(object: Touched): void;
  /** Takes all there is. */
  take(): Touched[];
  /** Resolves when there is something, or when `ended` or `ms` is over. */
  wait(ms: number, ended: Promise<unknown>): Promise<void>;
};

export function dirtyObjects(): Dirty {
  let objects = new Map<string, Touched>();
  let wake: (() => void) | undefined;
  return {
    add: (object) => {
      objects.set(`${object.kind} ${object.uuid}`, object);
      wake?.();
    },
    take: () => {
      const taken = [...objects.values()];
      objects = new Map();
      return taken;
    },
    wait: async (ms, ended) => {
      if (objects.size > 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, ms);
      wake = resolve;
      await Promise.race([promise, ended]);
      clearTimeout(timer);
      wake = undefined;
    },
  };
}
