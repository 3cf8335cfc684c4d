import {
  Breadcrumb,
  BreadcrumbItem,
  Bullseye,
  Content,
  Flex,
  FlexItem,
  PageSection,
  Spinner,
  Stack,
  StackItem,
  Title,
} from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'react-router';
import { get } from '../../api/client.ts';
import type { MigrationView } from '../../api/types.ts';
import { elapsed, time } from '../../format.ts';
import { Problem } from '../../parts/problem.tsx';
import { StateLabel } from '../../parts/state-label.tsx';
import { useTick } from '../../parts/tick.ts';
import { CancelButton } from './cancel.tsx';
import { VmCard } from './vm-card.tsx';

/** One migration: each VM with its steps, disks, errors and log. */
export function MigrationPage() {
  const { id = '' } = useParams();
  const migration = useQuery({
    queryKey: ['migrations', id],
    queryFn: () => get<MigrationView>(`/migrations/${id}`),
  });
  if (migration.isPending) {
    return (
      <PageSection>
        <Bullseye>
          <Spinner aria-label="Loading the migration" />
        </Bullseye>
      </PageSection>
    );
  }
  if (migration.isError) {
    return (
      <PageSection>
        <Problem error={migration.error} />
      </PageSection>
    );
  }
  return <Found migration={migration.data} />;
}

function Found({ migration }: { readonly migration: MigrationView }) {
  useTick();
  const running = migration.vmMigrations.filter((vm) => vm.cancelable);
  return (
    <>
      <PageSection>
        <Breadcrumb>
          <BreadcrumbItem>
            <Link to="/">Migrations</Link>
          </BreadcrumbItem>
          <BreadcrumbItem isActive>{migration.name}</BreadcrumbItem>
        </Breadcrumb>
        <Flex alignItems={{ default: 'alignItemsCenter' }}>
          <FlexItem>
            <Title headingLevel="h1">{migration.name}</Title>
          </FlexItem>
          <FlexItem>
            <StateLabel state={migration.state} />
          </FlexItem>
          {running.length > 0 && (
            <FlexItem align={{ default: 'alignRight' }}>
              <CancelButton path={`/migrations/${migration.id}/cancel`} what={`migration ${migration.name}`} />
            </FlexItem>
          )}
        </Flex>
        <Content component="p">
          {migration.counts.completed} of {migration.counts.total} VMs migrated · made by {migration.createdBy},{' '}
          {time(migration.createdAt)} · {elapsed(migration.startedAt, migration.endedAt)}
        </Content>
      </PageSection>
      <PageSection isFilled>
        <Stack hasGutter>
          {migration.vmMigrations.map((vm) => (
            <StackItem key={vm.id}>
              <VmCard vm={vm} />
            </StackItem>
          ))}
        </Stack>
      </PageSection>
    </>
  );
}
