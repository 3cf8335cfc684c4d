import type { VmMigrationView } from '../../api/types.ts';

type Row = VmMigrationView['leftBehind'][number];

const kinds: Readonly<Record<string, string>> = {
  'target-disk': 'Disk',
  'target-vm': 'VM',
  overlay: 'Conversion overlay',
  socket: 'Socket',
  directory: 'Directory',
  process: 'Process',
};

/** What is still there of a VM migration, or may be, by name. */
export function LeftRows({ rows }: { readonly rows: readonly Row[] }) {
  return (
    <ul className="w-causes">
      {rows.map((row) => (
        <li key={row.id}>
          {kinds[row.kind] ?? row.kind} <code>{row.what}</code>
          {row.state === 'intended' && ' (it may not exist)'}
        </li>
      ))}
    </ul>
  );
}
