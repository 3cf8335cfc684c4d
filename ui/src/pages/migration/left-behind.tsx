import { Alert, AlertActionLink, Content } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { post } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { VmMigrationView } from '../../api/types.ts';
import { useMayOperate } from '../../parts/may.ts';
import { Problem } from '../../parts/problem.tsx';
import { GoneAction } from './gone.tsx';
import { LeftRows } from './left-rows.tsx';

/** What could not be removed, by name, and the way to try again. */
export function LeftBehind({ vm }: { readonly vm: VmMigrationView }) {
  const queries = useQueryClient();
  const mayOperate = useMayOperate();
  const undo = useMutation({
    mutationFn: () => post(`/vm-migrations/${vm.id}/undo`, {}),
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
            <AlertActionLink isDisabled={undo.isPending} onClick={() => undo.mutate()}>
              {vm.kept ? 'Remove it' : 'Try again to remove it'}
            </AlertActionLink>
            <GoneAction
              vm={vm}
              order="undo"
              error={vm.undoError}
              label="Close it: what is missing was removed for good"
            />
          </>
        )
      }
    >
      <Content component="p">{meaningOf(vm, undoing)}</Content>
      <LeftRows rows={vm.leftBehind} />
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
