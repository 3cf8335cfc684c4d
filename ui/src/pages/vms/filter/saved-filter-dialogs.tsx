import {
  Button,
  Checkbox,
  Form,
  FormGroup,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  TextInput,
} from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useId, useState } from 'react';
import { post, remove } from '../../../api/client.ts';
import { keys } from '../../../api/keys.ts';
import type { SavedFilter } from '../../../api/types.ts';
import { Problem } from '../../../parts/problem.tsx';

export function SaveFilterForm({ filter, close }: { readonly filter: string; readonly close: () => void }) {
  const id = useId();
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const [shared, setShared] = useState(false);
  const save = useMutation({
    mutationFn: () => post('/inventory/filters', { name: name.trim(), filter, shared }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: keys.savedFilters });
      close();
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (name.trim() !== '') save.mutate();
  };
  return (
    <Modal variant="small" isOpen onClose={close} aria-labelledby={`${id}-title`}>
      <ModalHeader title="Save this filter" labelId={`${id}-title`} />
      <ModalBody>
        <Form id={`${id}-form`} onSubmit={submit}>
          <code className="w-mono">{filter}</code>
          <FormGroup label="Name" isRequired fieldId={`${id}-name`}>
            <TextInput
              id={`${id}-name`}
              value={name}
              maxLength={100}
              isRequired
              autoFocus
              onChange={(_event, next) => setName(next)}
            />
          </FormGroup>
          <Checkbox
            id={`${id}-shared`}
            label="Everybody sees it"
            isChecked={shared}
            onChange={(_event, next) => setShared(next)}
          />
          {save.isError && <Problem error={save.error} />}
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form={`${id}-form`} isDisabled={name.trim() === '' || save.isPending}>
          Save
        </Button>
        <Button variant="link" onClick={close}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  );
}

export function ManageFilters(props: {
  readonly filters: readonly SavedFilter[];
  readonly close: () => void;
  readonly children: ReactNode;
}) {
  const { filters, close, children } = props;
  const id = useId();
  const queries = useQueryClient();
  const removal = useMutation({
    mutationFn: (filter: SavedFilter) => remove(`/inventory/filters/${filter.id}`),
    onSuccess: () => queries.invalidateQueries({ queryKey: keys.savedFilters }),
  });
  return (
    <Modal variant="small" isOpen onClose={close} aria-labelledby={`${id}-title`}>
      <ModalHeader title="Own filters" labelId={`${id}-title`} />
      <ModalBody>
        <ul className="w-stack">
          {filters.map((filter) => (
            <li key={filter.id} className="w-title w-spread">
              <span>
                {filter.name} {filter.shared && <span className="w-subtle">shared</span>}
                <br />
                <code className="w-mono">{filter.filter}</code>
              </span>
              <Button
                variant="secondary"
                size="sm"
                isDanger
                aria-label={`Remove ${filter.name}`}
                isDisabled={removal.isPending}
                onClick={() => removal.mutate(filter)}
              >
                Remove
              </Button>
            </li>
          ))}
        </ul>
        {removal.isError && <Problem error={removal.error} />}
      </ModalBody>
      <ModalFooter>{children}</ModalFooter>
    </Modal>
  );
}
