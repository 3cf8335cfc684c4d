import { Button, Form, FormGroup, Modal, ModalBody, ModalFooter, ModalHeader, TextInput } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { put } from '../api/client.ts';
import { keys } from '../api/keys.ts';
import type { LimitOver } from '../api/types.ts';
import { rate } from '../format.ts';
import { useMayOperate } from './may.ts';
import { Problem } from './problem.tsx';

const MiB = 1024 * 1024;
/** As the API has it: 64 KiB/s. */
const slowest = 1 / 16;

const names = { migration: 'migration', worker: 'worker', provider: 'provider', host: 'host' } as const;

/** The limits that something is under, and a way to change its own. */
export function Limits(props: {
  readonly of: { readonly scope: LimitOver['scope']; readonly id: string; readonly name: string };
  readonly limits: readonly LimitOver[];
  /** It has ended: nothing is copied any more. */
  readonly ended?: boolean;
}) {
  const { of, limits, ended = false } = props;
  const mayOperate = useMayOperate();
  const [open, setOpen] = useState(false);
  const own = limits.find(({ scope, id }) => scope === of.scope && id === of.id);
  return (
    <span className="w-limits">
      {limits.map((limit) => (
        <span key={`${limit.scope} ${limit.id}`}>
          {limit === own ? '' : `${names[limit.scope]}${limit.scope === 'host' ? ` ${limit.id}` : ''} `}
          {rate(limit.bytesPerSecond)}
        </span>
      ))}
      {limits.length === 0 && 'none'}
      {mayOperate && !ended && (
        <Button
          variant="link"
          isInline
          aria-label={`Limit ${names[of.scope]} ${of.name}`}
          onClick={() => setOpen(true)}
        >
          {own === undefined ? 'Limit' : 'Change'}
        </Button>
      )}
      {open && <LimitForm of={of} own={own?.bytesPerSecond ?? null} close={() => setOpen(false)} />}
    </span>
  );
}

function LimitForm(props: {
  readonly of: { readonly scope: LimitOver['scope']; readonly id: string; readonly name: string };
  readonly own: number | null;
  readonly close: () => void;
}) {
  const { of, own, close } = props;
  const queries = useQueryClient();
  const [value, setValue] = useState(own === null ? '' : String(Math.round((own / MiB) * 100) / 100));
  const given = Number(value);
  const isRight = value.trim() !== '' && Number.isFinite(given) && given >= slowest;
  const change = useMutation({
    mutationFn: (bytesPerSecond: number | null) =>
      put('/limits', { limits: [{ scope: of.scope, id: of.id, bytesPerSecond }] }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: of.scope === 'migration' ? keys.migration(of.id) : keys.workers });
      close();
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (isRight) change.mutate(Math.round(given * MiB));
  };
  const inputId = `limit-${of.id}`;
  return (
    <Modal variant="small" isOpen onClose={close} aria-label={`Bandwidth limit of ${of.name}`}>
      <ModalHeader title={`Bandwidth limit of ${names[of.scope]} ${of.name}`} />
      <ModalBody>
        {change.error !== null && <Problem error={change.error} />}
        <Form id={`form-${inputId}`} onSubmit={submit}>
          <FormGroup label="MiB per second, all its copies together" fieldId={inputId}>
            <TextInput
              id={inputId}
              type="number"
              min={slowest}
              step="any"
              value={value}
              onChange={(_event, text) => setValue(text)}
            />
          </FormGroup>
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form={`form-${inputId}`} isDisabled={!isRight || change.isPending}>
          Set
        </Button>
        {own !== null && (
          <Button variant="secondary" isDisabled={change.isPending} onClick={() => change.mutate(null)}>
            Lift the limit
          </Button>
        )}
        <Button variant="link" onClick={close}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  );
}
