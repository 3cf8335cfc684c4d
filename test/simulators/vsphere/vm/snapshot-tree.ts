/** The tree of snapshots as a VM shows it. Rules without effects: a tree in, a tree out. */
import { asData, asList, asRef, data, isData, type Data, type Ref } from '../values.ts';

type Tree = readonly Data[];

const childrenOf = (node: Data): Tree => asList(node['childSnapshotList']).filter(isData);
const refOfNode = (node: Data): Ref | undefined => asRef(node['snapshot']);

const withChildren = (node: Data, children: Tree): Data =>
  data('VirtualMachineSnapshotTree', { ...node, childSnapshotList: children.length === 0 ? undefined : children });

/** The new node becomes a child of `parent`, or a root. */
export function addNode(tree: Tree, parent: Ref | undefined, node: Data): Tree {
  if (parent === undefined) return [...tree, node];
  return tree.map((at) => {
    const children = childrenOf(at);
    return refOfNode(at)?.value === parent.value
      ? withChildren(at, [...children, node])
      : withChildren(at, addNode(children, parent, node).slice(0, children.length));
  });
}

/** Its children take its place. */
export function removeNode(tree: Tree, snapshot: Ref): Tree {
  return tree.flatMap((at) =>
    refOfNode(at)?.value === snapshot.value ? childrenOf(at) : [withChildren(at, removeNode(childrenOf(at), snapshot))],
  );
}

export function findNode(tree: Tree, snapshot: Ref): Data | undefined {
  for (const node of tree) {
    const found = refOfNode(node)?.value === snapshot.value ? node : findNode(childrenOf(node), snapshot);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Changes name or description of one node. */
export function editNode(tree: Tree, snapshot: Ref, change: Data): Tree {
  return tree.map((at) =>
    refOfNode(at)?.value === snapshot.value
      ? { ...at, ...change, _type: at._type }
      : withChildren(at, editNode(childrenOf(at), snapshot, change)),
  );
}

export function parentOf(tree: Tree, snapshot: Ref): Ref | undefined {
  for (const node of tree) {
    const children = childrenOf(node);
    if (children.some((child) => refOfNode(child)?.value === snapshot.value)) return refOfNode(node);
    const found = parentOf(children, snapshot);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The snapshot and everything under it, leaves first. */
export function subtree(tree: Tree, snapshot: Ref): Ref[] {
  const node = findNode(tree, snapshot);
  const walk = (at: Data): Ref[] => [...childrenOf(at).flatMap(walk), refOfNode(at)].filter((ref) => ref !== undefined);
  return node === undefined ? [] : walk(node);
}

/** All of a tree, leaves first. */
export const allOf = (tree: Tree): Ref[] =>
  tree.flatMap((node) => {
    const ref = refOfNode(node);
    return ref === undefined ? [] : subtree(tree, ref);
  });

export const depthOf = (tree: Tree): number =>
  tree.reduce((deepest, node) => Math.max(deepest, 1 + depthOf(childrenOf(node))), 0);

export const rootsOf = (info: Data | undefined): Tree => asList(info?.['rootSnapshotList']).filter(isData);

export const infoOf = (roots: Tree, current: Ref | undefined): Data | undefined =>
  roots.length === 0
    ? undefined
    : data('VirtualMachineSnapshotInfo', { currentSnapshot: current, rootSnapshotList: roots });

export const currentOf = (info: Data | undefined): Ref | undefined => asRef(asData(info)?.['currentSnapshot']);
