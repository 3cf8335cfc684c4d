import { AlertActionLink, Content, Modal, ModalBody, ModalHeader } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { post } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { ShownError, VmMigrationView } from '../../api/types.ts';
import { DialogFooter } from '../../parts/dialog-footer.tsx';
import { Problem } from '../../parts/problem.tsx';
import { LeftRows } from './left-rows.tsx';
import { missing } from './missing.ts';

/**
 * The owner's word that what is not found was removed for good: offered where `error` says that something is not found, and
 * asked for once more, because what is forgotten by it nobody removes when its place comes back.
 */
export function GoneAction(props: {
  readonly vm: VmMigrationView;
  readonly order: 'finish' | 'undo';
  readonly label: string;
  readonly error: ShownError | null;
}) {
  const { vm, order, label, error } = props;
  const queries = useQueryClient();
  const titleId = useId();
  const [asking, setAsking] = useState(false);
  const send = useMutation({
    mutationFn: () => post(`/vm-migrations/${vm.id}/${order}`, { gone: true }),
    onSuccess: async () => {
      setAsking(false);
      await queries.invalidateQueries({ queryKey: keys.migration(vm.migrationId) });
    },
  });
  const close = (): void => {
    setAsking(false);
    send.reset();
  };
  if (error === null || !missing.has(error.code)) return null;
  return (
    <>
      <AlertActionLink onClick={() => setAsking(true)}>{label}</AlertActionLink>
      {asking && (
        <Modal variant="small" isOpen onClose={close} aria-labelledby={titleId}>
          <ModalHeader title="Was it removed for good?" labelId={titleId} titleIconVariant="warning" />
          <ModalBody>
            <Content component="p">
              Wherry looks once more. What of these it still does not find, it forgets for good: it is neither removed
              nor handed over, and stays where it is if its directory or pool was only away and comes back.
            </Content>
            <LeftRows rows={vm.leftBehind.filter(({ kind }) => kind.startsWith('target-'))} />
            {send.isError && <Problem error={send.error} />}
          </ModalBody>
          <DialogFooter
            does="Forget what is not found"
            onDo={() => send.mutate()}
            isPending={send.isPending}
            isDanger
            leaves="It may come back"
            onLeave={close}
          />
        </Modal>
      )}
    </>
  );
}
