import { Alert, AlertActionLink, Content } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { post } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { VmMigrationView } from '../../api/types.ts';
import { useMayOperate } from '../../parts/may.ts';
import { Problem } from '../../parts/problem.tsx';

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
    mutationFn: () => post(`/vm-migrations/${vm.id}/undo`),
    onSuccess: () => queries.invalidateQueries({ queryKey: keys.migration(vm.migrationId) }),
  });
  if (vm.leftBehind.length === 0) return null;
  const undoing = vm.steps.some(({ name, state }) => name === 'undo' && (state === 'ready' || state === 'running'));
  const mayUndo = mayOperate && (vm.state === 'failed' || vm.state === 'canceled') && !undoing;
  return (
    <Alert
      isInline
      variant={vm.kept ? 'info' : 'warning'}
      component="h3"
      title={undoing ? 'Being removed' : vm.kept ? 'Kept for another try' : 'Left behind'}
      actionLinks={
        mayUndo && (
          <AlertActionLink isDisabled={undo.isPending} onClick={() => undo.mutate()}>
            {vm.kept ? 'Remove it' : 'Try again to remove it'}
          </AlertActionLink>
        )
      }
    >
      <Content component="p">
        {undoing
          ? 'Wherry removes these now:'
          : vm.kept
            ? 'What was copied is here still; migrating again goes on from it:'
            : 'Wherry made these and could not remove them:'}
      </Content>
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
