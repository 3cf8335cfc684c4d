import { Content, PageSection, Title } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useQuery } from '@tanstack/react-query';
import { get } from '../../api/client.ts';
import type { WorkerView } from '../../api/types.ts';
import { time } from '../../format.ts';
import { Problem } from '../../parts/problem.tsx';
import { StateLabel } from '../../parts/state-label.tsx';

export function WorkersPage() {
  const workers = useQuery({
    queryKey: ['workers'],
    queryFn: () => get<{ readonly items: readonly WorkerView[] }>('/workers'),
  });
  return (
    <PageSection isFilled>
      <Title headingLevel="h1">Workers</Title>
      <Content component="p">
        Workers do what touches the outside: reading sources, copying, converting, creating VMs.
      </Content>
      {workers.isError && <Problem error={workers.error} />}
      <Table aria-label="Workers" variant="compact">
        <Thead>
          <Tr>
            <Th>Name</Th>
            <Th>State</Th>
            <Th>User</Th>
            <Th>Version</Th>
            <Th>VM migrations</Th>
            <Th>Last seen</Th>
          </Tr>
        </Thead>
        <Tbody>
          {(workers.data?.items ?? []).map((worker) => (
            <Tr key={worker.id}>
              <Td dataLabel="Name">{worker.name}</Td>
              <Td dataLabel="State">
                <StateLabel state={worker.alive ? 'running' : 'unknown'} />
              </Td>
              <Td dataLabel="User">{worker.user}</Td>
              <Td dataLabel="Version">{worker.version}</Td>
              <Td dataLabel="VM migrations">{worker.load}</Td>
              <Td dataLabel="Last seen">{time(worker.lastSeenAt)}</Td>
            </Tr>
          ))}
        </Tbody>
      </Table>
    </PageSection>
  );
}
