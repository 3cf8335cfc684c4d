/** Which tags are on which VMs, as the tagging service told it last, and whose tags have become others since. Pure. */
export class TagTable {
  readonly #names = new Map<string, string | null>();
  readonly #vms = new Map<string, ReadonlySet<string>>();
  readonly #tags = new Map<string, Set<string>>();
  #changed = new Set<string>();

  /** Of all tags that are known. */
  get ids(): string[] {
    return [...this.#names.keys()];
  }

  has(id: string): boolean {
    return this.#names.has(id);
  }

  /** Names of a VM's tags, in order. */
  of(vm: string): string[] {
    return [...(this.#tags.get(vm) ?? [])].flatMap((id) => this.#names.get(id) ?? []).sort();
  }

  /** @param name null for one that may not be read: it is known, and on no VM that anybody sees. */
  add(id: string, name: string | null): void {
    this.#names.set(id, name);
  }

  /** The tag is on these VMs and no others. Of a tag that is not known, nothing is kept. */
  attach(id: string, vms: ReadonlySet<string>): void {
    if (!this.#names.has(id)) return;
    const before = this.#vms.get(id) ?? new Set<string>();
    for (const vm of before.difference(vms)) {
      this.#tags.get(vm)?.delete(id);
      if (this.#tags.get(vm)?.size === 0) this.#tags.delete(vm);
      this.#changed.add(vm);
    }
    for (const vm of vms.difference(before)) {
      this.#tags.set(vm, (this.#tags.get(vm) ?? new Set()).add(id));
      this.#changed.add(vm);
    }
    this.#vms.set(id, vms);
  }

  /** There are no others any more. */
  keep(ids: ReadonlySet<string>): void {
    for (const id of this.ids) {
      if (ids.has(id)) continue;
      this.attach(id, new Set());
      this.#names.delete(id);
      this.#vms.delete(id);
    }
  }

  /** References of the VMs whose tags have changed since this was asked last. */
  takeChanged(): string[] {
    const changed = [...this.#changed];
    this.#changed = new Set();
    return changed;
  }
}
