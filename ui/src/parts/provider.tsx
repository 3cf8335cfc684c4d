import { Label } from '@patternfly/react-core';
import { CheckCircleIcon, ClockIcon, ExclamationCircleIcon, InProgressIcon, RedoIcon } from '@patternfly/react-icons';
import type { ProviderAccount, ProviderState, ProviderType, ProviderView } from '../api/types.ts';
import { clock } from '../format.ts';

export const typeTitles: Readonly<Record<ProviderType, string>> = {
  vsphere: 'vSphere',
  libvirt: 'libvirt',
  ova: 'OVA store',
};

export function addressOf(account: ProviderAccount): string {
  if (account.type === 'vsphere') return account.url;
  return account.type === 'libvirt' ? account.uri : account.location;
}

const looks = {
  new: { color: 'teal', icon: <ClockIcon /> },
  connecting: { color: 'blue', icon: <InProgressIcon /> },
  reading: { color: 'blue', icon: <InProgressIcon /> },
  following: { status: 'success', icon: <CheckCircleIcon /> },
  retrying: { status: 'warning', icon: <RedoIcon /> },
  stopped: { status: 'danger', icon: <ExclamationCircleIcon /> },
} as const satisfies Record<ProviderState, object>;
const words: Readonly<Record<ProviderState, string>> = {
  new: 'New',
  connecting: 'Connecting',
  reading: 'Reading',
  following: 'Following',
  retrying: 'Retrying',
  stopped: 'Stopped',
};

/** A worker that is silent is not known to follow anything: that is what is said. */
export function ProviderStateLabel({ provider }: { readonly provider: ProviderView }) {
  const { state, worker, retryAt } = provider;
  const isSilent = worker !== null && !worker.alive && state !== 'stopped';
  if (isSilent) {
    return (
      <Label variant="outline" status="warning" icon={<ClockIcon />}>
        Its worker is silent
      </Label>
    );
  }
  return (
    <Label variant="outline" {...looks[state]}>
      {words[state]}
      {state === 'retrying' && retryAt !== null && `, again at ${clock(retryAt)}`}
    </Label>
  );
}
