import { Button, Content } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { useSearchParams } from 'react-router';
import { post } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { ProviderCheck, ProviderView } from '../../api/types.ts';
import { time } from '../../format.ts';
import { CertificateCard } from '../../parts/certificate.tsx';
import { CheckRows } from '../../parts/check-result.tsx';
import { useMayAdminister, useMayOperate } from '../../parts/may.ts';
import { Problem } from '../../parts/problem.tsx';

/** The last check, and a way to check again; what is not trusted can be looked at and trusted here. */
export function CheckTab({ provider }: { readonly provider: ProviderView }) {
  const { id, lastCheck, lastCheckAt } = provider;
  const mayOperate = useMayOperate();
  const mayAdminister = useMayAdminister();
  const queries = useQueryClient();
  const read = (): Promise<void> => queries.invalidateQueries({ queryKey: keys.provider(id) });
  const check = useMutation({ mutationFn: () => post<ProviderCheck>(`/providers/${id}/check`), onSettled: read });
  const trust = useMutation({
    mutationFn: (fingerprint: string) => post(`/providers/${id}/trust`, { fingerprint }),
    onSuccess: () => check.mutateAsync(),
  });
  useCheckWhenAsked(mayOperate, () => check.mutate());
  const isBusy = check.isPending || trust.isPending;
  const certificate = lastCheck?.certificate ?? null;
  return (
    <div className="w-stack">
      <div className="w-actions">
        {mayOperate && (
          <Button variant="secondary" isLoading={isBusy} isDisabled={isBusy} onClick={() => check.mutate()}>
            {isBusy ? 'Checking …' : 'Check now'}
          </Button>
        )}
        <span role="status">
          {lastCheckAt === null ? 'It has not been checked yet.' : `Last checked ${time(lastCheckAt)}`}
        </span>
      </div>
      {check.isError && <Problem error={check.error} />}
      {trust.isError && <Problem error={trust.error} />}
      {certificate !== null && (
        <CertificateCard shown={certificate}>
          {mayAdminister ? (
            <Button variant="secondary" isDisabled={isBusy} onClick={() => trust.mutate(certificate.shown)}>
              {trustWords(certificate)}
            </Button>
          ) : (
            <Content component="p">An administrator can trust it.</Content>
          )}
        </CertificateCard>
      )}
      {lastCheck !== null && <CheckRows check={lastCheck} />}
    </div>
  );
}

export function trustWords({ shown, trusted }: { readonly shown: string; readonly trusted: string | null }): string {
  const what = shown.startsWith('SHA256:') ? 'host key' : 'certificate';
  return trusted === null ? `Trust this ${what}` : `Trust the new ${what}`;
}

/** Who came by the action "Check" wants it now, and once. */
function useCheckWhenAsked(may: boolean, check: () => void): void {
  const [search, setSearch] = useSearchParams();
  const asked = useRef(false);
  const now = search.get('check') === 'now';
  useEffect(() => {
    if (!now) {
      asked.current = false;
      return;
    }
    if (asked.current) return;
    asked.current = true;
    setSearch({ show: 'check' }, { replace: true });
    if (may) check();
  });
}
