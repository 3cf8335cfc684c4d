import {
  Button,
  Checkbox,
  Content,
  Form,
  FormGroup,
  FormSelect,
  FormSelectOption,
  Modal,
  ModalBody,
  ModalHeader,
} from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { useNavigate } from 'react-router';
import { post } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { MigrationView, VmMigrationView } from '../../api/types.ts';
import { DialogFooter } from '../../parts/dialog-footer.tsx';
import { Problem } from '../../parts/problem.tsx';

type Conversion = VmMigrationView['spec']['options']['conversion'];

const conversions: Readonly<Record<Conversion, string>> = {
  auto: 'Where the guest needs it',
  always: 'Always',
  never: 'Never',
};

/** Asks how it is to be this time, and goes to the new migration. */
export function RetryButton({ vm }: { readonly vm: VmMigrationView }) {
  const { options } = vm.spec;
  const queries = useQueryClient();
  const navigate = useNavigate();
  const titleId = useId();
  const selectId = useId();
  const [asking, setAsking] = useState(false);
  const [conversion, setConversion] = useState<Conversion>(options.conversion);
  const [verify, setVerify] = useState(options.verify === 'full');
  const [keep, setKeep] = useState(options.onFailure === 'keep');
  const retry = useMutation({
    mutationFn: () =>
      post<MigrationView>(`/vm-migrations/${vm.id}/retry`, {
        options: { conversion, verify: verify ? 'full' : 'none', onFailure: keep ? 'keep' : 'remove' },
      }),
    onSuccess: async (made) => {
      setAsking(false);
      await queries.invalidateQueries({ queryKey: keys.migration(vm.migrationId) });
      await navigate(`/migrations/${made.id}`);
    },
  });
  const close = (): void => {
    setAsking(false);
    retry.reset();
  };
  return (
    <>
      <Button
        variant="secondary"
        size="sm"
        aria-label={`Migrate VM ${vm.vmName} again`}
        onClick={() => setAsking(true)}
      >
        Migrate again
      </Button>
      {asking && (
        <Modal variant="small" isOpen onClose={close} aria-labelledby={titleId}>
          <ModalHeader title={`Migrate VM ${vm.vmName} again?`} labelId={titleId} />
          <ModalBody>
            <Content component="p">
              {vm.kept
                ? 'What was copied has been kept. What of it is still the source’s is not copied again.'
                : 'What was made has been removed: everything is copied again.'}
            </Content>
            <Form onSubmit={(event) => event.preventDefault()}>
              <FormGroup label="Convert the guest" fieldId={selectId}>
                <FormSelect
                  id={selectId}
                  value={conversion}
                  onChange={(_event, value) => setConversion(value as Conversion)}
                >
                  {Object.entries(conversions).map(([value, label]) => (
                    <FormSelectOption key={value} value={value} label={label} />
                  ))}
                </FormSelect>
              </FormGroup>
              <Checkbox
                id={`${selectId}-verify`}
                label="Read back and compare every byte"
                isChecked={verify}
                onChange={(_event, checked) => setVerify(checked)}
              />
              <Checkbox
                id={`${selectId}-keep`}
                label="Keep what was copied if it fails"
                isChecked={keep}
                onChange={(_event, checked) => setKeep(checked)}
              />
            </Form>
            {retry.isError && <Problem error={retry.error} />}
          </ModalBody>
          <DialogFooter
            does="Migrate again"
            onDo={() => retry.mutate()}
            isPending={retry.isPending}
            leaves="Not now"
            onLeave={close}
          />
        </Modal>
      )}
    </>
  );
}
