import type { InventoryObject } from '../../../../model/inventory.ts';
import type { InventoryNews } from '../../../provider.ts';

/** The inventory as it is told, kept as somebody who listens would. */
export class Listener {
  readonly vms = new Map<string, InventoryObject & { kind: 'vm' }>();
  readonly unreadable = new Map<string, string>();
  readonly others: InventoryObject[] = [];
  synced = false;
  systemId = '';

  async listen(news: AsyncIterable<InventoryNews>, until: () => boolean): Promise<void> {
    for await (const one of news) {
      this.take(one);
      if (until()) return;
    }
  }
  take(one: InventoryNews): void {
    if (one.kind === 'snapshot') this.systemId = one.systemId;
    if (one.kind === 'synced') this.synced = true;
    if (one.kind === 'put') {
      for (const object of one.objects) {
        this.unreadable.delete(object.ref);
        if (object.kind === 'vm') this.vms.set(object.ref, object);
        else this.others.push(object);
      }
    }
    if (one.kind === 'unreadable') for (const { ref, code } of one.objects) this.unreadable.set(ref, code);
    if (one.kind === 'gone') {
      for (const { ref } of one.objects) {
        this.vms.delete(ref);
        this.unreadable.delete(ref);
      }
    }
  }
}
