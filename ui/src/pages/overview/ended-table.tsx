import { Button, Content, PageSection, Title } from '@patternfly/react-core';
import { ExpandableRowContent, Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useState } from 'react';
import { Link } from 'react-router';
import type { MigrationSummary } from '../../api/types.ts';
import { bytes, count, time } from '../../format.ts';
import { Elapsed } from '../../parts/elapsed.tsx';
import { ErrorText } from '../../parts/problem.tsx';
import { StateLabel } from '../../parts/state-label.tsx';

/** The newest failures show why they failed; older ones only when asked. */
const shownOpen = 3;

/** What has ended. A failed one opens to the errors of its VMs. */
export function EndedTable(props: {
  readonly migrations: readonly MigrationSummary[];
  /** Null: there are no more. */
  readonly more: (() => void) | null;
  readonly isLoadingMore: boolean;
}) {
  return (
    <PageSection isFilled aria-labelledby="completed">
      <Title headingLevel="h2" size="lg" id="completed">
        Completed
      </Title>
      {props.migrations.length === 0 ? (
        <Content component="p">None has ended yet.</Content>
      ) : (
        <Table aria-labelledby="completed" variant="compact">
          <Thead>
            <Tr>
              <Th screenReaderText="Errors" />
              <Th width={20}>Name</Th>
              <Th>Result</Th>
              <Th modifier="nowrap">VMs migrated</Th>
              <Th>Size</Th>
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
        <Button variant="link" onClick={props.more} isLoading={props.isLoadingMore} isDisabled={props.isLoadingMore}>
          Show older ones
        </Button>
      )}
    </PageSection>
  );
}

function EndedRow({ migration, index }: { readonly migration: MigrationSummary; readonly index: number }) {
  const { counts, errors, leftBehind } = migration;
  const [open, setOpen] = useState(errors.length > 0 && index < shownOpen);
  const expand =
    errors.length === 0
      ? {}
      : // PatternFly names the toggle by the element with the id simple-node and rowIndex.
        { expand: { rowIndex: index, isExpanded: open, onToggle: () => setOpen(!open) } };
  const unlucky = [
    ...(counts.failed > 0 ? [`${counts.failed} failed`] : []),
    ...(counts.canceled > 0 ? [`${counts.canceled} canceled`] : []),
  ];
  return (
    <Tbody isExpanded={open}>
      <Tr>
        <Td {...expand} />
        <Td dataLabel="Name">
          <Link id={`simple-node${index}`} to={`/migrations/${migration.id}`}>
            {migration.name}
          </Link>
          {leftBehind > 0 && <div className="w-warning">Something of {count(leftBehind, 'VM')} was left behind</div>}
        </Td>
        <Td dataLabel="Result">
          <StateLabel state={migration.state} />
        </Td>
        <Td dataLabel="VMs migrated">
          {counts.completed} of {counts.total}
          {unlucky.length > 0 && ` (${unlucky.join(', ')})`}
        </Td>
        <Td dataLabel="Size">{migration.bytesTotal > 0 ? bytes(migration.bytesTotal) : '–'}</Td>
        <Td dataLabel="Took" modifier="nowrap">
          <Elapsed from={migration.startedAt} to={migration.endedAt} />
        </Td>
        <Td dataLabel="Ended" modifier="nowrap">
          {time(migration.endedAt)}
        </Td>
      </Tr>
      {open && errors.length > 0 && (
        <Tr isExpanded>
          <Td colSpan={7}>
            <ExpandableRowContent>
              <div className="w-stack">
                {errors.map((failed) => (
                  <ErrorText key={failed.vmMigrationId} title={`VM ${failed.vmName}`} error={failed.error} />
                ))}
                {counts.failed > errors.length && (
                  <Link to={`/migrations/${migration.id}`}>
                    {counts.failed - errors.length} more failed: all are on the migration’s page
                  </Link>
                )}
              </div>
            </ExpandableRowContent>
          </Td>
        </Tr>
      )}
    </Tbody>
  );
}
