import { Button, CodeBlock, CodeBlockCode, ExpandableSection, Flex, FlexItem } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { get } from '../../api/client.ts';
import type { LogPage } from '../../api/types.ts';
import { Problem } from '../../parts/problem.tsx';

/** The VM migration's log: ours and the tools' own words. Read only when it is open. */
export function Log({ vmMigrationId }: { readonly vmMigrationId: string }) {
  const [open, setOpen] = useState(false);
  return (
    <ExpandableSection
      toggleText={open ? 'Hide the log' : 'Show the log'}
      isExpanded={open}
      onToggle={(_event, next) => setOpen(next)}
    >
      {open && <Lines vmMigrationId={vmMigrationId} />}
    </ExpandableSection>
  );
}

function Lines({ vmMigrationId }: { readonly vmMigrationId: string }) {
  const log = useQuery({
    queryKey: ['migrations', 'log', vmMigrationId],
    queryFn: () => get<LogPage>(`/vm-migrations/${vmMigrationId}/log?limit=500&newest=true`),
  });
  if (log.isError) return <Problem error={log.error} />;
  const lines = log.data?.lines ?? [];
  return (
    <Flex direction={{ default: 'column' }}>
      <FlexItem>
        <Button variant="link" isInline component="a" href={`/api/v1/vm-migrations/${vmMigrationId}/log.txt`} download>
          Download the whole log
        </Button>
      </FlexItem>
      <FlexItem>
        <CodeBlock>
          <CodeBlockCode style={{ maxHeight: '24rem', overflow: 'auto' }} tabIndex={0}>
            {lines.map((line) => `${line.time} ${line.step.padEnd(14)} ${line.text}`).join('\n')}
          </CodeBlockCode>
        </CodeBlock>
      </FlexItem>
    </Flex>
  );
}
