import { Card, CardBody, CardFooter, CardHeader, CardTitle, Progress, Stack, StackItem } from '@patternfly/react-core';
import { Link } from 'react-router';
import type { MigrationSummary } from '../../api/types.ts';
import { bytes, duration, elapsed, percent, rate } from '../../format.ts';
import { StateLabel } from '../../parts/state-label.tsx';
import { useTick } from '../../parts/tick.ts';

/** A migration on its way: how many of its VMs have arrived, and how far the bytes are. */
export function ProgressCard({ migration }: { readonly migration: MigrationSummary }) {
  useTick();
  const { counts } = migration;
  const arrived = `${counts.completed} of ${counts.total} VMs migrated`;
  return (
    <Card>
      <CardHeader actions={{ actions: <StateLabel state={migration.state} />, hasNoOffset: true }}>
        <CardTitle component="h3">
          <Link to={`/migrations/${migration.id}`}>{migration.name}</Link>
        </CardTitle>
      </CardHeader>
      <CardBody>
        <Stack hasGutter>
          <StackItem>
            <Progress
              id={`vms-${migration.id}`}
              title={arrived}
              value={counts.total === 0 ? 0 : Math.floor((counts.completed / counts.total) * 100)}
              {...(counts.failed > 0 ? { variant: 'danger' as const } : {})}
            />
          </StackItem>
          <StackItem>
            <Progress
              id={`bytes-${migration.id}`}
              title={`${bytes(migration.bytesDone)} of ${bytes(migration.bytesTotal)}`}
              value={percent(migration.fraction)}
              size="sm"
            />
          </StackItem>
        </Stack>
      </CardBody>
      <CardFooter>
        {elapsed(migration.startedAt, migration.endedAt)}
        {migration.bytesPerSecond > 0 && ` · ${rate(migration.bytesPerSecond)}`}
        {migration.etaSeconds !== null && ` · ${duration(migration.etaSeconds)} left`}
        {counts.failed > 0 && ` · ${counts.failed} failed`}
      </CardFooter>
    </Card>
  );
}
