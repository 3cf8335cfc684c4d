import { Button, Content, ProgressStep, ProgressStepper, Title } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { post } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { CreateProvider, ProviderCheck, ProviderView, UnsavedProvider } from '../../api/types.ts';
import { Problem } from '../../parts/problem.tsx';
import { AccountStep } from './steps/account-step.tsx';
import { CheckStep } from './steps/check-step.tsx';
import { NameStep } from './steps/name-step.tsx';
import { TypeStep } from './steps/type-step.tsx';
import { accountOf, type Draft, emptyDraft, missingOf, secretsOf, suggestedName, trusting } from './draft.ts';

const titles = ['Type', 'Address and account', 'Check', 'Name'] as const;

/** Type, address and account, check, name: then it is saved. Nothing is kept anywhere before. */
export function AddWizard() {
  const goTo = useNavigate();
  const queries = useQueryClient();
  const [draft, setDraft] = useState<Draft>(emptyDraft);
  const [at, setAt] = useState(0);
  const [tried, setTried] = useState(false);
  const check = useMutation({
    mutationFn: (of: Draft) => post<ProviderCheck>('/providers/check', unsaved(of)),
  });
  const create = useMutation({
    mutationFn: (of: Draft) =>
      post<ProviderView>('/providers', {
        ...unsaved(of),
        name: of.name.trim(),
        // What is saved although its check failed is saved unchecked.
        ...(check.data?.ok === true ? {} : { check: false }),
      } satisfies CreateProvider),
    onSuccess: async ({ id }) => {
      await queries.invalidateQueries({ queryKey: keys.providers });
      await goTo(`/providers/${id}`);
    },
  });
  const change = (next: Draft): void => {
    setDraft(next);
    check.reset();
  };
  const trust = (next: Draft): void => {
    change(next);
    check.mutate(next);
  };
  const missing = missingOf(draft, []);
  const next = (event: FormEvent): void => {
    event.preventDefault();
    setTried(at === 1 && missing.length > 0);
    if (at === 1 && missing.length > 0) return;
    if (at === 1) check.mutate(draft);
    if (at === 2 && draft.name === '') setDraft({ ...draft, name: suggestedName(draft) });
    if (at < 3) setAt(at + 1);
    else if (draft.name.trim() !== '') create.mutate(draft);
  };
  const title = titles[at] ?? '';
  const isFailed = at === 2 && check.data?.ok !== true;
  // Without a step there is nothing to trust it by: an unknown certificate is saved only by who insists.
  const isBusy = check.isPending || create.isPending;
  return (
    <form className="w-wizard" noValidate onSubmit={next}>
      <ProgressStepper aria-label="Steps">
        {titles.map((name, index) => (
          <ProgressStep
            key={name}
            id={`step-${index}`}
            titleId={`step-${index}-title`}
            variant={index < at ? 'success' : index === at ? 'info' : 'pending'}
            isCurrent={index === at}
            aria-label={`${name}: ${index < at ? 'done' : index === at ? 'now' : 'to come'}`}
          >
            {name}
          </ProgressStep>
        ))}
      </ProgressStepper>
      <StepTitle key={at} title={title} />
      {at === 0 && <TypeStep draft={draft} change={change} />}
      {at === 1 && <AccountStep draft={draft} change={change} kept={[]} tried={tried} />}
      {at === 2 && (
        <CheckStep
          check={check.data ?? null}
          source={unsaved(draft)}
          error={check.error}
          isChecking={check.isPending}
          again={() => check.mutate(draft)}
          trust={(fingerprint) => trust(trusting(draft, fingerprint))}
          trustAuthority={(pem) => trust({ ...draft, trust: { kind: 'ca', pem } })}
        />
      )}
      {at === 3 && <NameStep draft={draft} change={setDraft} />}
      {create.isError && <Problem error={create.error} />}
      {tried && (
        <Content component="p" className="w-error" role="alert">{`Still missing: ${missing.join(', ')}.`}</Content>
      )}
      <div className="w-actions">
        {at > 0 && (
          <Button variant="secondary" isDisabled={create.isPending} onClick={() => setAt(at - 1)}>
            Back
          </Button>
        )}
        <Button
          type="submit"
          variant={isFailed ? 'secondary' : 'primary'}
          isDisabled={isBusy || (at === 2 && check.data === undefined) || (at === 3 && draft.name.trim() === '')}
          isLoading={create.isPending}
        >
          {at === 3 ? 'Add provider' : isFailed && !isBusy ? 'Go on although the check failed' : 'Next'}
        </Button>
        <Link to="/providers">Cancel</Link>
      </div>
    </form>
  );
}

/** Who goes to a step by keyboard begins at its title. */
function StepTitle({ title }: { readonly title: string }) {
  const element = useRef<HTMLHeadingElement>(null);
  useEffect(() => element.current?.focus(), []);
  return (
    <Title headingLevel="h2" ref={element} tabIndex={-1}>
      {title}
    </Title>
  );
}

function unsaved(draft: Draft): UnsavedProvider {
  return {
    account: accountOf(draft),
    secrets: secretsOf(draft),
    ...(draft.via === '' ? {} : { via: draft.via }),
  };
}
