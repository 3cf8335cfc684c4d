import { Button, Modal, ModalBody, ModalHeader, Tooltip } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { useNavigate } from 'react-router';
import { post } from '../../../api/client.ts';
import type { InventoryVmView, MigrationView } from '../../../api/types.ts';
import { DialogFooter } from '../../../parts/dialog-footer.tsx';
import { useMayOperate } from '../../../parts/may.ts';
import { Problem } from '../../../parts/problem.tsx';
import { type Draft, emptyDraft, missingOf, specOf } from './draft.ts';
import { MigrateForm } from './form.tsx';
import { type Found, sourceOf } from './source.ts';

/** Asks where to and how, and goes to the migration. Where there is none yet, it says why. */
export function MigrateButton({ view }: { readonly view: InventoryVmView }) {
  const mayOperate = useMayOperate();
  const [asking, setAsking] = useState(false);
  const found = sourceOf(view);
  if (!mayOperate) return null;
  if (found.why !== null) {
    return (
      <Tooltip content={found.why}>
        <Button variant="primary" isAriaDisabled>
          Migrate
        </Button>
      </Tooltip>
    );
  }
  return (
    <>
      <Button variant="primary" onClick={() => setAsking(true)}>
        Migrate
      </Button>
      {asking && <MigrateDialog name={view.name} found={found} close={() => setAsking(false)} />}
    </>
  );
}

function MigrateDialog(props: {
  readonly name: string;
  readonly found: Found & { readonly why: null };
  readonly close: () => void;
}) {
  const { name, found, close } = props;
  const titleId = useId();
  const queries = useQueryClient();
  const goTo = useNavigate();
  const [draft, setDraft] = useState<Draft>(emptyDraft);
  const [tried, setTried] = useState(false);
  const missing = missingOf(draft);
  const start = useMutation({
    mutationFn: () => post<MigrationView>('/migrations', { vms: [specOf(found, draft)] }),
    onSuccess: async ({ id }) => {
      await queries.invalidateQueries({ queryKey: ['migrations'] });
      await goTo(`/migrations/${id}`);
    },
  });
  const submit = (): void => {
    setTried(true);
    if (missing.length === 0) start.mutate();
  };
  return (
    <Modal variant="medium" isOpen onClose={close} aria-labelledby={titleId}>
      <ModalHeader title={`Migrate VM ${name}`} labelId={titleId} />
      <ModalBody>
        <MigrateForm draft={draft} change={setDraft} sourceName={name} missing={tried ? missing : []} submit={submit} />
        {start.isError && <Problem error={start.error} />}
      </ModalBody>
      <DialogFooter does="Start migration" onDo={submit} isPending={start.isPending} leaves="Not now" onLeave={close} />
    </Modal>
  );
}
