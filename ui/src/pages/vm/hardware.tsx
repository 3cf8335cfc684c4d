import type { InventoryVm } from '../../api/types.ts';
import { bytes, time } from '../../format.ts';
import { Section } from './section.tsx';
import { yesNo } from './summary.tsx';

type Disk = InventoryVm['disks'][number];

export function Disks({ disks }: { readonly disks: InventoryVm['disks'] }) {
  return (
    <Section
      title="Disks"
      items={disks}
      keyOf={({ id }) => id}
      none="It has no disks."
      columns={[
        { title: 'Disk', show: ({ name, id }) => name || id },
        { title: 'Size', show: ({ sizeBytes }) => (sizeBytes === null ? '–' : bytes(sizeBytes)) },
        { title: 'Used', show: ({ usedBytes }) => (usedBytes === null ? '–' : bytes(usedBytes)) },
        { title: 'Controller', show: ({ bus, controller, unit }) => `${bus} ${controller}:${unit}` },
        { title: 'Storage', show: ({ storage }) => storage ?? '–' },
        { title: 'File or volume', show: ({ path }) => path ?? '–' },
        { title: 'Format', show: ({ format }) => format ?? '–' },
        {
          title: 'Block tracking',
          show: ({ changeTracking }) => (changeTracking === null ? '–' : yesNo(changeTracking)),
        },
        { title: 'Also', show: (disk) => peculiarities(disk).join(', ') || '–' },
      ]}
    />
  );
}

/** What makes a disk harder to move. */
function peculiarities({ mode, shared, rdm, encrypted, backingDepth }: Disk): readonly string[] {
  return [
    ...(mode === '' || mode === 'persistent' ? [] : [mode.replaceAll('_', ' ')]),
    ...(shared ? ['shared'] : []),
    ...(rdm === null ? [] : [`raw device (${rdm})`]),
    ...(encrypted ? ['encrypted'] : []),
    ...(backingDepth === 0 ? [] : [`${backingDepth} under it`]),
  ];
}

export function Nics({ nics }: { readonly nics: InventoryVm['nics'] }) {
  return (
    <Section
      title="Network cards"
      items={nics}
      keyOf={({ id }) => id}
      none="It has no network card."
      columns={[
        { title: 'Network', show: ({ network }) => network ?? '–' },
        { title: 'MAC address', show: ({ mac }) => mac ?? '–' },
        { title: 'Model', show: ({ model }) => model ?? '–' },
        { title: 'Connected', show: ({ connected }) => (connected ? 'yes' : 'no') },
        { title: 'IP addresses', show: ({ ips }) => (ips.length === 0 ? '–' : ips.join(', ')) },
      ]}
    />
  );
}

export function Snapshots({ snapshots }: { readonly snapshots: InventoryVm['snapshots'] }) {
  const names = new Map(snapshots.map(({ id, name }) => [id, name]));
  return (
    <Section
      title="Snapshots"
      items={snapshots}
      keyOf={({ id }) => id}
      none="It has no snapshots."
      columns={[
        { title: 'Snapshot', show: ({ name, current }) => (current ? `${name} (current)` : name) },
        { title: 'Made', show: ({ createdAt }) => time(createdAt) },
        { title: 'After', show: ({ parentId }) => (parentId === null ? '–' : (names.get(parentId) ?? parentId)) },
        { title: 'Memory', show: ({ memory }) => (memory ? 'yes' : 'no') },
        { title: 'Description', show: ({ description }) => description || '–' },
      ]}
    />
  );
}
