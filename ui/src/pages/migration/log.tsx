import { Button, Content, ExpandableSection } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useLayoutEffect, useRef, useState } from 'react';
import { get } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { LogPage } from '../../api/types.ts';
import { clock } from '../../format.ts';
import { Problem } from '../../parts/problem.tsx';

type Line = LogPage['lines'][number];
type Kept = { readonly lines: readonly Line[]; readonly isWhole: boolean; readonly dropped: number };

const newestLines = 500;
const mostKept = 5_000;

/** The VM migration's log: ours and the tools' own words. Read only when it is open; then it goes on by itself. */
export function Log({ vmMigrationId, vmName }: { readonly vmMigrationId: string; readonly vmName: string }) {
  const [open, setOpen] = useState(false);
  return (
    <div className="w-log">
      <ExpandableSection
        toggleText={open ? 'Hide log' : 'Show log'}
        isExpanded={open}
        onToggle={(_event, next) => setOpen(next)}
      >
        {open && <Lines vmMigrationId={vmMigrationId} vmName={vmName} />}
      </ExpandableSection>
      <Button variant="link" isInline component="a" href={`/api/v1/vm-migrations/${vmMigrationId}/log.txt`} download>
        Download log
      </Button>
    </div>
  );
}

function Lines({ vmMigrationId, vmName }: { readonly vmMigrationId: string; readonly vmName: string }) {
  const queryKey = keys.log(vmMigrationId);
  const log = useQuery({
    queryKey,
    queryFn: ({ client }) => readOn(vmMigrationId, client.getQueryData<Kept>(queryKey)),
  });
  const box = useRef<HTMLPreElement>(null);
  const atEnd = useRef(true);
  const lines = log.data?.lines ?? [];
  // Who reads the end keeps reading the end; who has scrolled up stays there.
  useLayoutEffect(() => {
    if (atEnd.current && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [lines.length]);
  if (log.data === undefined)
    return log.error === null ? <Content component="p">Reading …</Content> : <Problem error={log.error} />;
  if (lines.length === 0) return <Content component="p">Nothing has been written yet.</Content>;
  return (
    <>
      {!log.data.isWhole && <Content component="small">The newest lines; the download has all.</Content>}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard */}
      <pre
        ref={box}
        className="w-lines"
        tabIndex={0}
        role="region"
        aria-label={`Log of ${vmName}`}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          atEnd.current = scrollHeight - scrollTop - clientHeight < 30;
        }}
      >
        {lines.map((line) => (
          <span key={line.number} className={`w-line w-line-${line.level}`}>
            <span className="w-line-time">{clock(line.time)}</span> <span className="w-line-step">{line.step}</span>{' '}
            {line.level === 'warning' || line.level === 'error' ? `${line.level}: ` : ''}
            {line.text}
            {'\n'}
          </span>
        ))}
      </pre>
    </>
  );
}

/** The newest lines at first, then only what came since. */
async function readOn(vmMigrationId: string, kept: Kept | undefined): Promise<Kept> {
  const path = `/vm-migrations/${vmMigrationId}/log`;
  const last = kept?.lines.at(-1)?.number;
  if (kept === undefined || last === undefined) {
    const page = await get<LogPage>(`${path}?newest=true&limit=${newestLines}`);
    return { lines: page.lines, isWhole: page.lines.length < newestLines, dropped: page.dropped };
  }
  const lines = [...kept.lines];
  for (let after: number | null = last; after !== null; ) {
    const page: LogPage = await get<LogPage>(`${path}?after=${after}&limit=1000`);
    lines.push(...page.lines);
    after = page.next;
  }
  const isWhole = kept.isWhole && lines.length <= mostKept;
  return { lines: lines.slice(-mostKept), isWhole, dropped: kept.dropped };
}
