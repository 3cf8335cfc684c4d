import { Content, EmptyState, EmptyStateBody, PageSection, Title } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useQuery } from '@tanstack/react-query';
import { get } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { WorkerView } from '../../api/types.ts';
import { time } from '../../format.ts';
import { Limits } from '../../parts/limit.tsx';
import { Loaded, usePageTitle } from '../../parts/page.tsx';
import { WorkerState } from './worker-state.tsx';

export function WorkersPage() {
  usePageTitle('Workers');
  const workers = useQuery({
    queryKey: keys.workers,
    queryFn: () => get<{ readonly items: readonly WorkerView[] }>('/workers'),
  });
  return (
    <>
      <PageSection>
        <Title headingLevel="h1">Workers</Title>
        <Content component="p">
          Workers do what touches the outside: they read sources, copy, convert and create VMs. The server starts one on
          its own machine.
        </Content>
      </PageSection>
      <Loaded query={workers}>
        {({ items }) => (
          <PageSection isFilled>{items.length === 0 ? <Nobody /> : <WorkerTable workers={items} />}</PageSection>
        )}
      </Loaded>
    </>
  );
}

function Nobody() {
  return (
    <EmptyState titleText="No worker has come yet" headingLevel="h2">
      <EmptyStateBody>
        Migrations wait until there is one. The server’s log says why its own did not start; further ones start with{' '}
        <code>wherry worker</code>.
      </EmptyStateBody>
    </EmptyState>
  );
}

function WorkerTable({ workers }: { readonly workers: readonly WorkerView[] }) {
  return (
    <Table aria-label="Workers" variant="compact">
      <Thead>
        <Tr>
          <Th>Worker</Th>
          <Th>State</Th>
          <Th modifier="fitContent">VMs now</Th>
          <Th>Bandwidth limit</Th>
          <Th>Runs as</Th>
          <Th>Version</Th>
          <Th>Last heard of</Th>
        </Tr>
      </Thead>
      <Tbody>
        {workers.map((worker) => (
          <Tr key={worker.id}>
            <Td dataLabel="Worker">{worker.name === worker.host ? worker.name : `${worker.name} on ${worker.host}`}</Td>
            <Td dataLabel="State">
              <WorkerState alive={worker.alive} />
            </Td>
            <Td dataLabel="VMs now">{worker.load}</Td>
            <Td dataLabel="Bandwidth limit">
              <Limits of={{ scope: 'worker', id: worker.id, name: worker.name }} limits={worker.limits} />
            </Td>
            <Td dataLabel="Runs as">{worker.user}</Td>
            <Td dataLabel="Version">{worker.version}</Td>
            {/* A living worker is heard of all the time, and each time would be a message to this page. */}
            <Td dataLabel="Last heard of">{worker.alive ? 'within the last minute' : time(worker.lastSeenAt)}</Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}
