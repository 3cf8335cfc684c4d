import { Alert, Card, CardBody, CardExpandableContent, CardHeader, CardTitle } from '@patternfly/react-core';
import { useState } from 'react';
import { Link } from 'react-router';
import type { VmMigrationView } from '../../api/types.ts';
import { percent } from '../../format.ts';
import { Concerns } from '../../parts/concerns.tsx';
import { useMayOperate } from '../../parts/may.ts';
import { Meter } from '../../parts/meter.tsx';
import { Moving } from '../../parts/moving.tsx';
import { ErrorText } from '../../parts/problem.tsx';
import { StateLabel } from '../../parts/state-label.tsx';
import { stepTitle } from '../../parts/steps.ts';
import { CancelButton } from './cancel.tsx';
import { Disks } from './disks.tsx';
import { Facts } from './facts.tsx';
import { FinishHandOver } from './finish.tsx';
import { LeftBehind } from './left-behind.tsx';
import { Log } from './log.tsx';
import { RetryButton } from './retry.tsx';
import { Timeline } from './timeline.tsx';

/** One VM: a line when it is closed, everything about it when it is open. */
export function VmCard(props: {
  readonly vm: VmMigrationView;
  readonly openAtFirst: boolean;
  /** The only one of its migration: canceling that cancels it. */
  readonly isAlone: boolean;
}) {
  const { vm, openAtFirst, isAlone } = props;
  const [open, setOpen] = useState(openAtFirst);
  const mayOperate = useMayOperate();
  const titleId = `vm-${vm.id}`;
  const actions = (
    <div className="w-actions">
      <StateLabel state={shownState(vm)} />
      {mayOperate && vm.retryable && <RetryButton vm={vm} />}
      {mayOperate && !isAlone && vm.cancelable && (
        <CancelButton
          path={`/vm-migrations/${vm.id}/cancel`}
          what={`VM ${vm.vmName}`}
          migrationId={vm.migrationId}
          short
        />
      )}
    </div>
  );
  return (
    <Card id={`card-${vm.id}`} isExpanded={open} component="article" aria-labelledby={titleId}>
      <CardHeader
        actions={{ actions, hasNoOffset: true }}
        onExpand={() => setOpen(!open)}
        toggleButtonProps={{
          id: `toggle-${vm.id}`,
          'aria-label': 'Details',
          'aria-labelledby': `toggle-${vm.id} ${titleId}`,
          'aria-expanded': open,
        }}
      >
        <CardTitle component="h2" id={titleId}>
          {vm.vmName}
          {vm.targetName !== vm.vmName && <span className="w-target"> → {vm.targetName}</span>}
        </CardTitle>
      </CardHeader>
      <CardBody className="w-line-of">
        <Meter label={doing(vm)} value={percent(vm.fraction)} small variant={variantOf(vm)} />
        <Moving of={vm} />
      </CardBody>
      {vm.error !== null && !open && (
        <CardBody>
          <p className="w-error">{vm.error.message}</p>
        </CardBody>
      )}
      <CardExpandableContent>
        <CardBody>
          <Details vm={vm} />
        </CardBody>
      </CardExpandableContent>
    </Card>
  );
}

function Details({ vm }: { readonly vm: VmMigrationView }) {
  return (
    <div className="w-stack">
      {vm.error !== null && <ErrorText error={vm.error} />}
      {vm.undoError !== null && <ErrorText title="Undoing what was done ran into this" error={vm.undoError} />}
      {vm.waitReason !== null && <Alert isInline variant="info" component="h3" title={vm.waitReason.text} />}
      <Relatives vm={vm} />
      <FinishHandOver vm={vm} />
      <LeftBehind vm={vm} />
      <Concerns concerns={vm.concerns} />
      <Facts vm={vm} />
      <Disks disks={vm.disks} vmName={vm.vmName} vmMigrationId={vm.id} />
      <Timeline steps={vm.steps} vmName={vm.vmName} />
      <Log vmMigrationId={vm.id} vmName={vm.vmName} />
    </div>
  );
}

/** The runs before and after this one, of the same VM to the same target copy. */
function Relatives({ vm: { retryOf, retriedBy } }: { readonly vm: VmMigrationView }) {
  if (retryOf === null && retriedBy === null) return null;
  return (
    <p>
      {retryOf !== null && <Link to={`/migrations/${retryOf.migrationId}`}>The run before this one</Link>}
      {retryOf !== null && retriedBy !== null && ' · '}
      {retriedBy !== null && <Link to={`/migrations/${retriedBy.migrationId}`}>It was migrated again</Link>}
    </p>
  );
}

function shownState(vm: VmMigrationView): string {
  if (vm.cancelation === 'requested' || vm.cancelation === 'canceling') return 'canceling';
  const undoing = vm.steps.some(({ name, state }) => name === 'undo' && (state === 'ready' || state === 'running'));
  return undoing ? 'undoing' : vm.state;
}

/** What goes on with the VM now, all of it: copy and conversion run at the same time. */
function doing(vm: VmMigrationView): string {
  const running = vm.steps.filter(({ state }) => state === 'running').map(({ name }) => stepTitle(name));
  if (running.length > 0) return running.join(' + ');
  if (vm.waitReason !== null) return vm.waitReason.text;
  const failed = vm.steps.find(({ state }) => state === 'failed');
  if (vm.state === 'failed' && failed !== undefined) return `Failed in: ${stepTitle(failed.name)}`;
  return (
    { completed: 'All steps done', canceled: 'Canceled and undone', failed: 'Failed' }[vm.state as string] ?? 'Queued'
  );
}

function variantOf(vm: VmMigrationView): 'success' | 'danger' | 'plain' {
  if (vm.state === 'failed') return 'danger';
  return vm.state === 'completed' ? 'success' : 'plain';
}
