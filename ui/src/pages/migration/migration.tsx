import { Breadcrumb, BreadcrumbItem, PageSection, Title } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'react-router';
import { get } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { MigrationView } from '../../api/types.ts';
import { count, percent, time } from '../../format.ts';
import { Limits } from '../../parts/limit.tsx';
import { useMayOperate } from '../../parts/may.ts';
import { Meter } from '../../parts/meter.tsx';
import { Moving } from '../../parts/moving.tsx';
import { Loaded, usePageTitle } from '../../parts/page.tsx';
import { StateLabel } from '../../parts/state-label.tsx';
import { CancelButton } from './cancel.tsx';
import { VmCard } from './vm-card.tsx';

/** So many VMs are shown open at first; of more, only those that failed. */
const openUpTo = 2;

/** One migration: each VM with its steps, disks, errors and log. */
export function MigrationPage() {
  const { id = '' } = useParams();
  const migration = useQuery({
    queryKey: keys.migration(id),
    queryFn: () => get<MigrationView>(`/migrations/${encodeURIComponent(id)}`),
  });
  usePageTitle(migration.data?.name ?? 'Migration');
  return (
    <>
      <PageSection>
        <Breadcrumb>
          <BreadcrumbItem>
            <Link to="/">Migrations</Link>
          </BreadcrumbItem>
          <BreadcrumbItem isActive>{migration.data?.name ?? id}</BreadcrumbItem>
        </Breadcrumb>
        {migration.data === undefined && <Title headingLevel="h1">Migration</Title>}
      </PageSection>
      <Loaded query={migration}>{(found) => <Found migration={found} />}</Loaded>
    </>
  );
}

function Found({ migration }: { readonly migration: MigrationView }) {
  const mayOperate = useMayOperate();
  const { vmMigrations, counts } = migration;
  return (
    <>
      <PageSection>
        <div className="w-title">
          <Title headingLevel="h1">{migration.name}</Title>
          <StateLabel state={migration.state} />
          {mayOperate && vmMigrations.some(({ cancelable }) => cancelable) && (
            <CancelButton
              path={`/migrations/${migration.id}/cancel`}
              what={`migration ${migration.name}`}
              migrationId={migration.id}
            />
          )}
        </div>
        <ul className="w-facts">
          <li>
            {counts.completed} of {count(counts.total, 'VM')} migrated
          </li>
          {counts.running > 0 && <li>{counts.running} running</li>}
          {counts.queued > 0 && <li>{counts.queued} queued</li>}
          {counts.failed > 0 && <li>{counts.failed} failed</li>}
          {counts.canceled > 0 && <li>{counts.canceled} canceled</li>}
          <li>
            bandwidth limit:{' '}
            <Limits
              of={{ scope: 'migration', id: migration.id, name: migration.name }}
              limits={migration.limits}
              ended={migration.endedAt !== null}
            />
          </li>
          <li>
            begun by {migration.createdBy}, {time(migration.createdAt)}
          </li>
        </ul>
        {vmMigrations.length > 1 && (
          <div className="w-line-of w-all">
            {migration.endedAt === null && <Meter label="All VMs" value={percent(migration.fraction)} small />}
            <Moving of={migration} />
          </div>
        )}
      </PageSection>
      <PageSection isFilled>
        <div className="w-stack">
          {vmMigrations.map((vm) => (
            <VmCard
              key={vm.id}
              vm={vm}
              openAtFirst={vmMigrations.length <= openUpTo || vm.state === 'failed'}
              isAlone={vmMigrations.length === 1}
            />
          ))}
        </div>
      </PageSection>
    </>
  );
}
