import { Button, Content, Title } from '@patternfly/react-core';
import { ExpandableRowContent, Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useState } from 'react';
import { Link } from 'react-router';
import type { MigrationSummary } from '../../api/types.ts';
import { elapsed, time } from '../../format.ts';
import { ErrorText } from '../../parts/problem.tsx';
import { StateLabel } from '../../parts/state-label.tsx';

/** What has ended. A failed one opens to the errors of its VMs. */
export function EndedTable(props: {
  readonly migrations: readonly MigrationSummary[];
  /** Null: there are no more. */
  readonly more: (() => void) | null;
}) {
  return (
    <>
      <Title headingLevel="h2" size="lg">
        Completed
      </Title>
      {props.migrations.length === 0 ? (
        <Content component="p">None has ended yet.</Content>
      ) : (
        <Table aria-label="Completed migrations" variant="compact">
          <Thead>
            <Tr>
              <Th screenReaderText="Errors" />
              <Th>Name</Th>
              <Th>State</Th>
              <Th>VMs migrated</Th>
              <Th>Took</Th>
              <Th>Ended</Th>
            </Tr>
          </Thead>
          {props.migrations.map((migration, index) => (
            <EndedRow key={migration.id} migration={migration} index={index} />
          ))}
        </Table>
      )}
      {props.more !== null && (
        <Button variant="link" onClick={props.more}>
          Show more
        </Button>
      )}
    </>
  );
}

function EndedRow({ migration, index }: { readonly migration: MigrationSummary; readonly index: number }) {
  const [open, setOpen] = useState(migration.errors.length > 0);
  const { counts } = migration;
  const expand =
    migration.errors.length === 0
      ? {}
      : { expand: { rowIndex: index, isExpanded: open, onToggle: () => setOpen(!open) } };
  return (
    <Tbody isExpanded={open}>
      <Tr>
        <Td {...expand} />
        <Td dataLabel="Name">
          <Link to={`/migrations/${migration.id}`}>{migration.name}</Link>
        </Td>
        <Td dataLabel="State">
          <StateLabel state={migration.state} />
        </Td>
        <Td dataLabel="VMs migrated">
          {counts.completed} of {counts.total}
          {counts.failed > 0 && `, ${counts.failed} failed`}
        </Td>
        <Td dataLabel="Took">{elapsed(migration.startedAt, migration.endedAt)}</Td>
        <Td dataLabel="Ended">{time(migration.endedAt)}</Td>
      </Tr>
      {open && migration.errors.length > 0 && (
        <Tr isExpanded>
          <Td colSpan={6}>
            <ExpandableRowContent>
              {migration.errors.map((failed) => (
                <ErrorText key={failed.vmMigrationId} title={`VM ${failed.vmName}`} error={failed.error} />
              ))}
            </ExpandableRowContent>
          </Td>
        </Tr>
      )}
    </Tbody>
  );
}
