/**
 * Changed block tracking of one disk. A change id is `<uuid>/<number>`: the number of the stun (snapshot, power cycle) up to
 * which everything is counted. Another uuid is another tracking: nothing can be said of what lies before it.
 */
import { randomBytes } from 'node:crypto';

export class Tracker {
  /** False when the disk had snapshots when tracking began: then `*` cannot be answered. */
  readonly complete: boolean;
  readonly #uuid = showUuid(randomBytes(16));
  #epoch = 1;
  readonly #dirty = new Map<number, Set<number>>();

  constructor(complete: boolean) {
    this.complete = complete;
  }

  /** The id of the state as it is now. */
  get changeId(): string {
    return `${this.#uuid}/${this.#epoch}`;
  }

  /** Whatever is written from now on comes after the id that `changeId` gave before. */
  stun(): void {
    this.#epoch += 1;
  }

  wrote(blocks: Iterable<number>): void {
    const set = this.#dirty.get(this.#epoch) ?? new Set();
    for (const block of blocks) set.add(block);
    this.#dirty.set(this.#epoch, set);
  }

  /** Blocks written after `from` and up to `to`, in order; null for an id that is not of this tracking. */
  between(from: string, to: string): number[] | null {
    const first = this.#epochOf(from);
    const last = this.#epochOf(to);
    if (first === null || last === null) return null;
    const blocks = new Set<number>();
    for (const [epoch, dirty] of this.#dirty) {
      if (epoch > first && epoch <= last) for (const block of dirty) blocks.add(block);
    }
    return [...blocks].sort((one, other) => one - other);
  }

  #epochOf(changeId: string): number | null {
    const [uuid, number = ''] = changeId.split('/');
    if (uuid !== this.#uuid || !/^\d+$/.test(number) || Number(number) > this.#epoch) return null;
    return Number(number);
  }
}

/** `52 3c ec 11 9e 2c 4c 3d-87 4a c3 4e 85 f2 ea 95`, as ESXi writes it. */
export function showUuid(bytes: Buffer): string {
  const pairs = [...bytes].map((byte) => byte.toString(16).padStart(2, '0'));
  return `${pairs.slice(0, 8).join(' ')}-${pairs.slice(8).join(' ')}`;
}
