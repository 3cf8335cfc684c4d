import { Bullseye, Button, EmptyState, EmptyStateBody, Spinner } from '@patternfly/react-core';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { Link } from 'react-router';
import { Problem } from '../../parts/problem.tsx';
import { columns, type VmQuery } from './query.ts';
import { useVms } from './use-vms.ts';
import { HeadCell, VmRow } from './vm-row.tsx';
import { rowHeightPx, windowOf } from './window.ts';

type Props = {
  readonly query: VmQuery;
  readonly change: (next: Partial<VmQuery>) => void;
  readonly onTotal: (total: number | undefined) => void;
};

/**
 * A table of any length: it is as high as all its rows, but only those near what is seen are drawn and read. Every row has
 * the same height, and a browser takes heights up to some 16 million pixels: 400,000 rows.
 */
export function VmTable({ query, change, onTotal }: Props) {
  const box = useRef<HTMLElement>(null);
  const [seen, setSeen] = useState({ top: 0, height: 900 });
  const vms = useVms(query, seen);
  const { total, window: shown } = vms;
  const { filter, sort, provider } = query;
  useEffect(() => onTotal(total), [total, onTotal]);
  useEffect(() => {
    box.current?.scrollTo({ top: 0 });
  }, [filter, sort, provider]);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const measure = (): void => setSeen({ top: element.scrollTop, height: element.clientHeight });
    const watcher = new ResizeObserver(measure);
    watcher.observe(element);
    return () => watcher.disconnect();
  }, [total === undefined]);
  if (total === undefined) return <Waiting error={vms.error} />;
  if (total === 0) return <Nothing query={query} change={change} />;
  const rows = Array.from({ length: shown.to - shown.from }, (_, at) => shown.from + at);
  return (
    <>
      {vms.error !== null && <Problem error={vms.error} />}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard */}
      <section
        ref={box}
        className="w-rows"
        tabIndex={0}
        aria-label="List of virtual machines"
        onScroll={({ currentTarget: { scrollTop, clientHeight } }) => {
          const next = windowOf(scrollTop, clientHeight, total);
          // Most pixels show the rows that are there already.
          if (next.from !== shown.from || next.to !== shown.to) setSeen({ top: scrollTop, height: clientHeight });
        }}
      >
        <table className="w-vm-table" aria-label="Virtual machines" aria-rowcount={total + 1}>
          <colgroup>
            {columns.map(({ title, width }) => (
              <col key={title} style={{ width: `${width}%` }} />
            ))}
          </colgroup>
          <thead>
            <tr aria-rowindex={1}>
              {columns.map((column) => (
                <HeadCell key={column.title} column={column} query={query} change={change} />
              ))}
            </tr>
          </thead>
          <tbody>
            <Space rows={shown.from} />
            {rows.map((at) => (
              <VmRow key={at} at={at} vm={vms.row(at)} />
            ))}
            <Space rows={total - shown.to} />
          </tbody>
        </table>
      </section>
    </>
  );
}

/** Stands for rows that are not drawn. */
function Space({ rows }: { readonly rows: number }) {
  if (rows === 0) return null;
  return (
    <tr aria-hidden="true" className="w-space" style={{ height: rows * rowHeightPx }}>
      <td colSpan={columns.length} />
    </tr>
  );
}

function Waiting({ error }: { readonly error: Error | null }) {
  if (error !== null) return <Problem error={error} />;
  return (
    <Bullseye>
      <Spinner aria-label="Loading" />
    </Bullseye>
  );
}

function Nothing({ query, change }: Pick<Props, 'query' | 'change'>) {
  if (query.filter !== '') {
    return (
      <EmptyState titleText="No VM fits the filter" headingLevel="h2">
        <EmptyStateBody>
          <Button variant="link" onClick={() => change({ filter: '' })}>
            Show all VMs
          </Button>
        </EmptyStateBody>
      </EmptyState>
    );
  }
  return (
    <EmptyState titleText="No VMs yet" headingLevel="h2">
      <EmptyStateBody>
        VMs appear here as soon as a provider was read. <Link to="/providers">Look at the providers</Link>, or add one.
      </EmptyStateBody>
    </EmptyState>
  );
}
