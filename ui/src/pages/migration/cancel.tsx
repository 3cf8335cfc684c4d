import { Button, Checkbox, Content, Modal, ModalBody, ModalHeader } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { post } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import { DialogFooter } from '../../parts/dialog-footer.tsx';
import { Problem } from '../../parts/problem.tsx';

/** Asks before it cancels, and says what canceling does. `what`: "migration Web tier", "VM web-01". */
export function CancelButton(props: {
  readonly path: string;
  readonly what: string;
  readonly migrationId: string;
  /** Of a row of a list: its name is that of the row. */
  readonly short?: boolean;
}) {
  const { path, what, migrationId, short = false } = props;
  const queries = useQueryClient();
  const titleId = useId();
  const [asking, setAsking] = useState(false);
  const [keep, setKeep] = useState(false);
  const cancel = useMutation({
    mutationFn: () => post(path, { keep }),
    onSuccess: async () => {
      setAsking(false);
      await queries.invalidateQueries({ queryKey: keys.migration(migrationId) });
    },
  });
  const close = (): void => {
    setAsking(false);
    cancel.reset();
  };
  return (
    <>
      <Button
        variant="secondary"
        isDanger
        size={short ? 'sm' : 'default'}
        onClick={() => setAsking(true)}
        {...(short ? { 'aria-label': `Cancel ${what}` } : {})}
      >
        {short ? 'Cancel' : `Cancel ${what.split(' ')[0]}`}
      </Button>
      {asking && (
        <Modal variant="small" isOpen onClose={close} aria-labelledby={titleId}>
          <ModalHeader title={`Cancel ${what}?`} labelId={titleId} titleIconVariant="warning" />
          <ModalBody>
            <Content component="p">
              What has been made at the target is removed: disks, the VM, temporary files. The source stays as it is.
              VMs that have been migrated already stay migrated.
            </Content>
            <Checkbox
              id={`${titleId}-keep`}
              label="Keep what was copied, to go on from it later"
              isChecked={keep}
              onChange={(_event, checked) => setKeep(checked)}
            />
            {cancel.isError && <Problem error={cancel.error} />}
          </ModalBody>
          <DialogFooter
            does={`Cancel ${what.split(' ')[0]}`}
            onDo={() => cancel.mutate()}
            isPending={cancel.isPending}
            isDanger
            leaves="Let it run"
            onLeave={close}
          />
        </Modal>
      )}
    </>
  );
}
