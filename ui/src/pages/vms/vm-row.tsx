import { memo } from 'react';
import { Link } from 'react-router';
import type { VmListItem } from '../../api/types.ts';
import { bytes } from '../../format.ts';
import { Power } from '../../parts/power.tsx';
import { SeverityCount } from '../../parts/severity.tsx';
import { type Column, columns, sortedBy, type VmQuery } from './query.ts';
import { rowHeightPx } from './window.ts';

export function HeadCell(props: {
  readonly column: Column;
  readonly query: VmQuery;
  readonly change: (next: Partial<VmQuery>) => void;
}) {
  const { column, query, change } = props;
  const isUp = query.sort === column.sort;
  const isDown = query.sort === `-${column.sort}`;
  return (
    <th
      scope="col"
      {...(isUp || isDown ? { 'aria-sort': isUp ? ('ascending' as const) : ('descending' as const) } : {})}
    >
      <button type="button" onClick={() => change(sortedBy(query, column.sort))}>
        {column.title}
        <span aria-hidden="true">{isUp ? ' ▲' : isDown ? ' ▼' : ''}</span>
      </button>
    </th>
  );
}

/** Drawn again only when it shows another VM: scrolling moves many of them. */
export const VmRow = memo(function VmRow({ at, vm }: { readonly at: number; readonly vm: VmListItem | undefined }) {
  const style = { height: rowHeightPx };
  if (vm === undefined) {
    return (
      <tr aria-rowindex={at + 2} style={style} className="w-row-coming">
        <td colSpan={columns.length}>…</td>
      </tr>
    );
  }
  return (
    <tr aria-rowindex={at + 2} style={style}>
      <th scope="row">
        <Link to={`/vms/${vm.id}`} title={vm.name}>
          {vm.name}
        </Link>
        {vm.template && <span className="w-subtle"> template</span>}
      </th>
      <td>
        <Power power={vm.power} />
      </td>
      <Words text={vm.provider.name} />
      <Words text={vm.host} />
      <Words text={vm.cluster} />
      <Words text={vm.os} />
      <td className="w-number">{vm.cpus === 0 ? '–' : vm.cpus}</td>
      <td className="w-number">{vm.memoryBytes === 0 ? '–' : bytes(vm.memoryBytes)}</td>
      <td className="w-number">{vm.diskBytes === 0 ? '–' : bytes(vm.diskBytes)}</td>
      <td>{vm.severity === 'none' ? '–' : <SeverityCount severity={vm.severity} count={vm.concerns.length} />}</td>
    </tr>
  );
});

function Words({ text }: { readonly text: string | null }) {
  return <td title={text ?? ''}>{text === null || text === '' ? '–' : text}</td>;
}
