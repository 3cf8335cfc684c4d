import {
  Content,
  Dropdown,
  DropdownItem,
  DropdownList,
  MenuToggle,
  Modal,
  ModalBody,
  ModalHeader,
} from '@patternfly/react-core';
import { EllipsisVIcon } from '@patternfly/react-icons';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { useNavigate } from 'react-router';
import { post, remove } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { ProviderView } from '../../api/types.ts';
import { DialogFooter } from '../../parts/dialog-footer.tsx';
import { useMayAdminister, useMayOperate } from '../../parts/may.ts';
import { Problem } from '../../parts/problem.tsx';

/** What can be done with a provider; nothing that the server would refuse. `label`: on its own page the menu has a name. */
export function ProviderActions({ provider, label }: { readonly provider: ProviderView; readonly label?: string }) {
  const { id, name } = provider;
  const mayOperate = useMayOperate();
  const mayAdminister = useMayAdminister();
  const queries = useQueryClient();
  const goTo = useNavigate();
  const [open, setOpen] = useState(false);
  const [removing, setRemoving] = useState(false);
  const refresh = useMutation({
    mutationFn: () => post(`/providers/${id}/refresh`),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['providers'] }),
  });
  if (!mayOperate) return null;
  return (
    <>
      <Dropdown
        isOpen={open}
        onOpenChange={setOpen}
        onSelect={() => setOpen(false)}
        popperProps={{ position: 'right' }}
        toggle={(ref) => (
          <MenuToggle
            ref={ref}
            variant={label === undefined ? 'plain' : 'secondary'}
            isExpanded={open}
            onClick={() => setOpen(!open)}
            {...(label === undefined ? { 'aria-label': `Actions for ${name}`, icon: <EllipsisVIcon /> } : {})}
          >
            {label}
          </MenuToggle>
        )}
      >
        <DropdownList>
          <DropdownItem onClick={() => void goTo(`/providers/${id}?show=check&check=now`)}>Check</DropdownItem>
          <DropdownItem onClick={() => refresh.mutate()}>Read all of it again</DropdownItem>
          {mayAdminister && <DropdownItem onClick={() => void goTo(`/providers/${id}/edit`)}>Edit</DropdownItem>}
          {mayAdminister && (
            <DropdownItem isDanger onClick={() => setRemoving(true)}>
              Remove
            </DropdownItem>
          )}
        </DropdownList>
      </Dropdown>
      {refresh.isError && <Problem error={refresh.error} />}
      {removing && <RemoveDialog provider={provider} close={() => setRemoving(false)} />}
    </>
  );
}

function RemoveDialog({ provider, close }: { readonly provider: ProviderView; readonly close: () => void }) {
  const titleId = useId();
  const queries = useQueryClient();
  const goTo = useNavigate();
  const removal = useMutation({
    mutationFn: () => remove(`/providers/${provider.id}`),
    onSuccess: async () => {
      close();
      await goTo('/providers');
      await queries.invalidateQueries({ queryKey: keys.providers });
    },
  });
  return (
    <Modal variant="small" isOpen onClose={close} aria-labelledby={titleId}>
      <ModalHeader title={`Remove ${provider.name}?`} labelId={titleId} titleIconVariant="warning" />
      <ModalBody>
        <Content component="p">
          Its account and secrets are deleted and its VMs leave the lists. Nothing on the system itself is changed. When
          it is added again, what is known of its VMs is found again.
        </Content>
        {removal.isError && <Problem error={removal.error} />}
      </ModalBody>
      <DialogFooter
        does="Remove provider"
        onDo={() => removal.mutate()}
        isPending={removal.isPending}
        isDanger
        leaves="Keep it"
        onLeave={close}
      />
    </Modal>
  );
}
