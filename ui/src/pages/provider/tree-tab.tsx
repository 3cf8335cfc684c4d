import { Content, TreeView, type TreeViewDataItem } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { get } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { TreeNode } from '../../api/types.ts';
import { count } from '../../format.ts';
import { Loaded } from '../../parts/page.tsx';

/** Below so many nodes everything is open at first. */
const openUpTo = 40;

const kinds: Readonly<Record<TreeNode['kind'], string>> = {
  datacenter: 'datacenter',
  folder: 'folder',
  cluster: 'cluster',
  host: 'host',
  'resource-pool': 'resource pool',
  network: 'network',
  storage: 'storage',
  vm: 'VM',
};

export function TreeTab({ providerId }: { readonly providerId: string }) {
  const tree = useQuery({
    queryKey: keys.inProvider(providerId, 'tree'),
    queryFn: () => get<{ readonly items: readonly TreeNode[] }>(`/providers/${providerId}/tree`),
  });
  return (
    <Loaded query={tree}>
      {({ items }) =>
        items.length === 0 ? (
          <Content component="p">There is nothing above its VMs.</Content>
        ) : (
          <TreeView data={dataOf(items)} aria-label="Datacenters, folders, clusters and hosts" hasGuides />
        )
      }
    </Loaded>
  );
}

function dataOf(nodes: readonly TreeNode[]): TreeViewDataItem[] {
  const items = new Map<string, TreeViewDataItem>();
  const top: TreeViewDataItem[] = [];
  for (const { id, kind, name, parentId, vms } of nodes) {
    const says = `${kinds[kind]}${vms > 0 ? `, ${count(vms, 'VM')}` : ''}`;
    const item: TreeViewDataItem = {
      id,
      name: (
        <>
          {name} <span className="w-subtle">{says}</span>
        </>
      ),
      defaultExpanded: nodes.length <= openUpTo || kind === 'datacenter',
    };
    items.set(id, item);
    const parent = parentId === null ? undefined : items.get(parentId);
    if (parent === undefined) top.push(item);
    else parent.children = [...(parent.children ?? []), item];
  }
  return top;
}
