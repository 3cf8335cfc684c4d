/** A VM's tree of snapshots as a list, parents before children. */
import type { InventorySnapshot } from '../../../model/inventory.ts';
import type { Vim } from '../vim25/schema.ts';
import { shownName } from './names.ts';

export function snapshotsOf(info: Vim<'VirtualMachineSnapshotInfo'> | undefined): InventorySnapshot[] {
  const found: InventorySnapshot[] = [];
  const current = info?.currentSnapshot?.value;
  const walk = (trees: readonly Vim<'VirtualMachineSnapshotTree'>[], parentId: string | null): void => {
    for (const tree of trees) {
      const id = tree.snapshot.value;
      found.push({
        id,
        name: shownName(tree.name),
        description: tree.description,
        createdAt: tree.createTime,
        parentId,
        current: id === current,
        memory: tree.state === 'poweredOn',
      });
      walk(tree.childSnapshotList, id);
    }
  };
  walk(info?.rootSnapshotList ?? [], null);
  return found;
}
