import { Alert, AlertActionLink, Content } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { post } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { VmMigrationView } from '../../api/types.ts';
import { useMayOperate } from '../../parts/may.ts';
import { Problem } from '../../parts/problem.tsx';
import { missing } from './missing.ts';

const kinds: Readonly<Record<string, string>> = {
  'target-disk': 'Disk',
  'target-vm': 'VM',
  overlay: 'Conversion overlay',
  socket: 'Socket',
  directory: 'Directory',
  process: 'Process',
};

/** What could not be removed, by name, and the way to try again. */
export function LeftBehind({ vm }: { readonly vm: VmMigrationView }) {
  const queries = useQueryClient();
  const mayOperate = useMayOperate();
  const undo = useMutation({
    mutationFn: (gone: boolean) => post(`/vm-migrations/${vm.id}/undo`, { gone }),
    onSuccess: () => queries.invalidateQueries({ queryKey: keys.migration(vm.migrationId) }),
  });
  if (vm.leftBehind.length === 0) return null;
  const undoing = vm.steps.some(({ name, state }) => name === 'undo' && (state === 'ready' || state === 'running'));
  return (
    <Alert
      isInline
      variant={vm.kept ? 'info' : 'warning'}
      component="h3"
      title={titleOf(vm, undoing)}
      actionLinks={
        mayOperate &&
        vm.undoable && (
          <>
            <AlertActionLink isDisabled={undo.isPending} onClick={() => undo.mutate(false)}>
              {vm.kept ? 'Remove it' : 'Try again to remove it'}
            </AlertActionLink>
            {vm.undoError !== null && missing.has(vm.undoError.code) && (
              <AlertActionLink isDisabled={undo.isPending} onClick={() => undo.mutate(true)}>
                Close it: what is missing was removed for good
              </AlertActionLink>
            )}
          </>
        )
      }
    >
      <Content component="p">{meaningOf(vm, undoing)}</Content>
      <ul className="w-causes">
        {vm.leftBehind.map((row) => (
          <li key={row.id}>
            {kinds[row.kind] ?? row.kind} <code>{row.what}</code>
            {row.state === 'intended' && ' (it may not exist)'}
          </li>
        ))}
      </ul>
      {undo.isError && <Problem error={undo.error} />}
    </Alert>
  );
}

function titleOf({ kept, finishable }: VmMigrationView, undoing: boolean): string {
  if (undoing) return 'Being removed';
  if (finishable) return 'Not yet handed over';
  return kept ? 'Kept for another try' : 'Left behind';
}

function meaningOf({ kept, finishable }: VmMigrationView, undoing: boolean): string {
  if (undoing) return 'Wherry removes these now:';
  if (finishable) return 'These are complete; finishing the hand-over makes them yours, or removes what was temporary:';
  if (kept) return 'What was copied is here still; migrating again goes on from it:';
  return 'Wherry made these and could not remove them:';
}
