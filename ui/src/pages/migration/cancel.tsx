import { Button, Content, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { post } from '../../api/client.ts';
import { Problem } from '../../parts/problem.tsx';

/** Asks before it cancels, and says what canceling does. */
export function CancelButton({ path, what }: { readonly path: string; readonly what: string }) {
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const cancel = useMutation({
    mutationFn: () => post(path),
    onSuccess: async () => {
      setAsking(false);
      await queries.invalidateQueries({ queryKey: ['migrations'] });
    },
  });
  return (
    <>
      <Button variant="secondary" isDanger onClick={() => setAsking(true)}>
        Cancel {what}
      </Button>
      {asking && (
        <Modal variant="small" isOpen onClose={() => setAsking(false)} aria-labelledby="cancel-title">
          <ModalHeader title={`Cancel ${what}?`} labelId="cancel-title" />
          <ModalBody>
            <Content component="p">
              What has been made at the target is removed: disks, the VM, temporary files. The source stays as it is.
            </Content>
            {cancel.isError && <Problem error={cancel.error} />}
          </ModalBody>
          <ModalFooter>
            <Button variant="danger" isDisabled={cancel.isPending} onClick={() => cancel.mutate()}>
              Cancel it
            </Button>
            <Button variant="link" onClick={() => setAsking(false)}>
              Let it run
            </Button>
          </ModalFooter>
        </Modal>
      )}
    </>
  );
}
