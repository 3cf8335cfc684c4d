/** The tree of a provider above its VMs, out of flat rows. Pure. */
import type { InventoryKind } from '../model/inventory.ts';
import type { TreeNode } from './api.ts';

export type TreeRow = {
  readonly id: string;
  readonly kind: InventoryKind;
  readonly ref: string;
  readonly name: string;
  readonly parentRef: string | null;
  readonly vms: number;
};

/** A `parentRef` does not say of which kind its object is; these may hold others, in this order. */
const holders: readonly InventoryKind[] = ['folder', 'datacenter', 'cluster', 'host', 'resource-pool'];

/** Parents before children. Whose parent is not known stands at the top, and so does one of each circle. */
export function treeOf(rows: readonly TreeRow[]): TreeNode[] {
  const byRef = new Map<string, TreeRow>();
  for (const kind of holders.toReversed()) for (const row of rows) if (row.kind === kind) byRef.set(row.ref, row);
  const parentOf = new Map<string, TreeRow | null>();
  for (const row of rows) {
    const parent = row.parentRef === null ? undefined : byRef.get(row.parentRef);
    parentOf.set(row.id, parent === undefined || parent.id === row.id ? null : parent);
  }
  for (const row of rows) if (isInCircle(row, parentOf)) parentOf.set(row.id, null);
  const children = new Map<string | null, TreeRow[]>();
  for (const row of rows) {
    const parentId = parentOf.get(row.id)?.id ?? null;
    const siblings = children.get(parentId);
    if (siblings === undefined) children.set(parentId, [row]);
    else siblings.push(row);
  }
  const nodes: TreeNode[] = [];
  const stack: Array<{ row: TreeRow; parentId: string | null }> = level(children, null);
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    const { parentRef: _, ...row } = at.row;
    nodes.push({ ...row, parentId: at.parentId });
    stack.push(...level(children, at.row.id));
  }
  return nodes;
}

/** In reverse, as a stack takes them. */
function level(
  children: ReadonlyMap<string | null, readonly TreeRow[]>,
  parentId: string | null,
): Array<{ row: TreeRow; parentId: string | null }> {
  const rows = (children.get(parentId) ?? []).toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  return rows.toReversed().map((row) => ({ row, parentId }));
}

function isInCircle(row: TreeRow, parentOf: ReadonlyMap<string, TreeRow | null>): boolean {
  const seen = new Set<string>();
  for (let at = parentOf.get(row.id) ?? null; at !== null; at = parentOf.get(at.id) ?? null) {
    if (at.id === row.id) return true;
    if (seen.has(at.id)) return false;
    seen.add(at.id);
  }
  return false;
}
