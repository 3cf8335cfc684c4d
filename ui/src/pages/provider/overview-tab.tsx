import { DescriptionList } from '@patternfly/react-core';
import { Link } from 'react-router';
import type { ProviderView } from '../../api/types.ts';
import { time } from '../../format.ts';
import { Fingerprint, Term } from '../../parts/certificate.tsx';
import { addressOf, typeTitles } from '../../parts/provider.tsx';
import { SeverityCounts } from '../../parts/severity.tsx';
import { alsoIn, some, withVersion } from '../providers/table.tsx';

export function OverviewTab({ provider }: { readonly provider: ProviderView }) {
  const { id, type, account, counts, concerns, product, version, syncedAt, newsAt, worker, via, secrets } = provider;
  const user = 'username' in account ? account.username : undefined;
  return (
    <DescriptionList isHorizontal columnModifier={{ default: '1Col', xl: '2Col' }} aria-label="Overview">
      <Term name="Type">{typeTitles[type]}</Term>
      <Term name="Product">{product === '' ? 'not known yet' : withVersion(product, version)}</Term>
      <Term name="Address">{addressOf(account)}</Term>
      {user !== undefined && <Term name="User">{user}</Term>}
      <Term name="Secrets kept">{secrets.length === 0 ? 'none' : secrets.join(', ')}</Term>
      <Term name="Trust">
        <TrustText provider={provider} />
      </Term>
      <Term name="VMs">
        <Link to={`/vms?provider=${id}`}>{counts.vm.toLocaleString()} VMs</Link>
      </Term>
      <Term name="VMs by worst concern">
        <SeverityCounts counts={concerns} />
      </Term>
      <Term name="Also in it">
        {[...some(counts.datacenter, 'datacenter'), ...some(counts.cluster, 'cluster'), ...alsoIn(counts)].join(', ') ||
          'nothing'}
      </Term>
      <Term name="Worker">
        {worker === null ? 'none now' : `${worker.name}${worker.alive ? '' : ' (silent)'}`}
        {via === null ? ', chosen by the server' : `, has to be ${via.name}`}
      </Term>
      <Term name="All was known">{syncedAt === null ? 'not yet' : time(syncedAt)}</Term>
      <Term name="Last told of a change">{newsAt === null ? 'not yet' : time(newsAt)}</Term>
      <Term name="Added">
        by {provider.createdBy}, {time(provider.createdAt)}
      </Term>
    </DescriptionList>
  );
}

function TrustText({ provider: { account } }: { readonly provider: ProviderView }) {
  if (account.type === 'libvirt' && account.hostKey !== undefined) {
    return (
      <>
        the ssh host key <Fingerprint of={account.hostKey} />
      </>
    );
  }
  const { trust } = account;
  if (trust === undefined || trust.kind === 'system') return <>the system’s authorities</>;
  if (trust.kind === 'ca') return <>an own authority</>;
  return (
    <>
      one certificate <Fingerprint of={trust.sha256} />
    </>
  );
}
