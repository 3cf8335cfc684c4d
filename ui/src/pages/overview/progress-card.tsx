import { Card, CardBody, CardFooter, CardHeader, CardTitle } from '@patternfly/react-core';
import { Link } from 'react-router';
import type { MigrationSummary } from '../../api/types.ts';
import { percent } from '../../format.ts';
import { Meter } from '../../parts/meter.tsx';
import { Moving } from '../../parts/moving.tsx';
import { StateLabel } from '../../parts/state-label.tsx';
import { stepTitle } from '../../parts/steps.ts';

/** A migration on its way: how many of its VMs have arrived, how far the work is, and what goes on or why nothing does. */
export function ProgressCard({ migration }: { readonly migration: MigrationSummary }) {
  const { counts, id } = migration;
  const titleId = `name-${id}`;
  return (
    <Card aria-labelledby={titleId} component="article">
      <CardHeader actions={{ actions: <StateLabel state={migration.state} />, hasNoOffset: true }}>
        <CardTitle component="h3" id={titleId}>
          <Link to={`/migrations/${id}`}>{migration.name}</Link>
        </CardTitle>
      </CardHeader>
      <CardBody>
        <Meter
          label="VMs migrated"
          value={percent(counts.total === 0 ? 0 : counts.completed / counts.total)}
          measure={`${counts.completed} of ${counts.total}`}
          variant={counts.failed > 0 ? 'danger' : 'success'}
        />
        <Meter label="All steps" value={percent(migration.fraction)} small />
        <Doing migration={migration} />
      </CardBody>
      <CardFooter>
        <Moving of={migration} />
      </CardFooter>
    </Card>
  );
}

function Doing({ migration }: { readonly migration: MigrationSummary }) {
  const { counts, running, waitReason } = migration;
  const steps = running.map(({ step, vms }) => (counts.total > 1 ? `${stepTitle(step)} (${vms})` : stepTitle(step)));
  const others = [
    ...(counts.queued > 0 ? [`${counts.queued} queued`] : []),
    ...(counts.failed > 0 ? [`${counts.failed} failed`] : []),
    ...(counts.canceled > 0 ? [`${counts.canceled} canceled`] : []),
  ];
  return (
    <div className="w-doing">
      {steps.length > 0 && (
        <p>
          <strong>Now:</strong> {steps.join(', ')}
        </p>
      )}
      {others.length > 0 && counts.total > 1 && <p>{others.join(', ')}</p>}
      {waitReason !== null && <p className="w-waiting">{waitReason.text}</p>}
    </div>
  );
}
