import { Alert, Button } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { patch } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { EditProvider, ProviderView } from '../../api/types.ts';
import { Problem } from '../../parts/problem.tsx';
import { accountOf, type Draft, draftOf, isElsewhere, missingOf, secretsOf } from './draft.ts';
import { AccountStep } from './steps/account-step.tsx';
import { NameStep } from './steps/name-step.tsx';
import { Text } from './steps/text.tsx';

/** All of a provider that can be changed. Kept secrets are not known here, so it is checked after it was saved. */
export function EditForm({ provider }: { readonly provider: ProviderView }) {
  const { id, secrets } = provider;
  const goTo = useNavigate();
  const queries = useQueryClient();
  const [before] = useState(() => draftOf(provider));
  const [draft, setDraft] = useState<Draft>(before);
  const [tried, setTried] = useState(false);
  const moves = isElsewhere(before, draft);
  const kept = moves ? [] : secrets;
  const missing = missingOf(draft, kept);
  const save = useMutation({
    mutationFn: () => patch<ProviderView>(`/providers/${id}`, changes(draft, before)),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: keys.providers });
      await queries.invalidateQueries({ queryKey: keys.provider(id) });
      await goTo(`/providers/${id}?show=check&check=now`);
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setTried(true);
    if (missing.length === 0 && draft.name.trim() !== '') save.mutate();
  };
  return (
    <form className="w-wizard" noValidate onSubmit={submit}>
      <NameStep draft={draft} change={setDraft} />
      <AccountStep draft={draft} change={setDraft} kept={kept} tried={tried} />
      {moves && secrets.length > 0 && (
        <Alert
          isInline
          variant="info"
          component="p"
          title="The address changes: its secrets have to be given again, so that kept ones never go to another system."
        />
      )}
      <TrustField draft={draft} change={setDraft} />
      {save.isError && <Problem error={save.error} />}
      <div className="w-actions">
        <Button type="submit" isDisabled={save.isPending} isLoading={save.isPending}>
          Save and check
        </Button>
        <Link to={`/providers/${id}`}>Cancel</Link>
      </div>
    </form>
  );
}

function TrustField({ draft, change }: { readonly draft: Draft; readonly change: (draft: Draft) => void }) {
  const { trust } = draft;
  if (draft.type === 'ova' && !draft.address.startsWith('https:')) return null;
  return (
    <div className="w-form">
      <Text
        id="authority"
        label="Own authority (PEM)"
        kind="block"
        value={trust.kind === 'ca' ? trust.pem : ''}
        onChange={(pem) => change({ ...draft, trust: pem.trim() === '' ? { kind: 'system' } : { kind: 'ca', pem } })}
        help={
          trust.kind === 'pinned'
            ? 'One certificate is trusted by its fingerprint; an authority takes its place.'
            : 'Left empty, the system’s authorities are asked. A certificate that is not trusted can be looked at and trusted after the check.'
        }
      />
    </div>
  );
}

/** An account that is sent begins its watch anew, so only a changed one is. */
function changes(draft: Draft, before: Draft): EditProvider {
  const account = accountOf(draft);
  return {
    name: draft.name.trim(),
    ...(JSON.stringify(account) === JSON.stringify(accountOf(before)) ? {} : { account }),
    secrets: secretsOf(draft),
    via: draft.via === '' ? null : draft.via,
  };
}
