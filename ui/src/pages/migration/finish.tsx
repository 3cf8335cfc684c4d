import { Alert, AlertActionLink, Content } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { post } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { VmMigrationView } from '../../api/types.ts';
import { useMayOperate } from '../../parts/may.ts';
import { Problem } from '../../parts/problem.tsx';
import { GoneAction } from './gone.tsx';

/** A hand-over that failed: what it means for the VM, and the order to do what is missing. */
export function FinishHandOver({ vm }: { readonly vm: VmMigrationView }) {
  const queries = useQueryClient();
  const mayOperate = useMayOperate();
  const finish = useMutation({
    mutationFn: () => post(`/vm-migrations/${vm.id}/finish`, {}),
    onSuccess: () => queries.invalidateQueries({ queryKey: keys.migration(vm.migrationId) }),
  });
  if (!vm.finishable) return null;
  return (
    <Alert
      isInline
      variant="warning"
      component="h3"
      title="The hand-over is not finished"
      actionLinks={
        mayOperate && (
          <>
            <AlertActionLink
              isDisabled={finish.isPending}
              aria-label={`Finish the hand-over of VM ${vm.vmName}`}
              onClick={() => finish.mutate()}
            >
              Finish the hand-over
            </AlertActionLink>
            <GoneAction
              vm={vm}
              order="finish"
              error={vm.error}
              label="Finish it: what is missing was removed for good"
            />
          </>
        )
      }
    >
      <Content component="p">
        The VM is complete and verified at the target, and may be in use, so nothing of it is removed. What is missing
        are the last steps: final names, marks of Wherry’s, temporary files. They can be done again as often as needed.
      </Content>
      {finish.isError && <Problem error={finish.error} />}
    </Alert>
  );
}
