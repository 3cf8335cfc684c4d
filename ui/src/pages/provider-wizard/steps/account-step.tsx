import { FormGroup, FormSelect, FormSelectOption } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { get } from '../../../api/client.ts';
import { keys } from '../../../api/keys.ts';
import type { ProviderType, WorkerView } from '../../../api/types.ts';
import { type Draft, transportOf } from '../draft.ts';
import { Text } from './text.tsx';

const addresses: Readonly<Record<ProviderType, { label: string; placeholder: string; help: string }>> = {
  vsphere: {
    label: 'Address',
    placeholder: 'https://vcenter.example.com',
    help: 'Of the vCenter or the ESXi host, with its port where that is not 443.',
  },
  libvirt: {
    label: 'libvirt URI',
    placeholder: 'qemu+ssh://root@kvm1.example.com/system',
    help: 'As virsh takes it: qemu:///system, qemu+ssh://user@host/system, qemu+tls://host/system, xen:///system.',
  },
  ova: {
    label: 'Directory or URL',
    placeholder: '/srv/appliances',
    help: 'A directory on the worker, or the http(s) address of an OVA or of a page that lists some.',
  },
};

const keptQuery =
  'What stands after the question mark is kept, and not shown. When it is a signature that was renewed, give the whole new address: all else stays as it is.';

type Props = {
  readonly draft: Draft;
  readonly change: (draft: Draft) => void;
  /** Names of the secrets that the server has already. */
  readonly kept: readonly string[];
  /** Somebody wanted to go on: what is missing is marked. */
  readonly tried: boolean;
};

export function AccountStep(props: Props) {
  const { draft, change, kept, tried } = props;
  const { type, address } = draft;
  return (
    <div className="w-form">
      <Text
        id="address"
        value={address}
        onChange={(next) => change({ ...draft, address: next })}
        isRequired
        isWrong={tried && address.trim() === ''}
        {...addresses[type]}
        {...(kept.includes('query') && { help: keptQuery })}
      />
      {type === 'vsphere' && <VsphereFields {...props} />}
      {type === 'libvirt' && <LibvirtFields {...props} />}
      {type === 'ova' && /^https?:/.test(address) && <StoreFields {...props} />}
      <Via {...props} />
    </div>
  );
}

function VsphereFields({ draft, change, kept, tried }: Props) {
  return (
    <>
      <Text
        id="username"
        label="User"
        value={draft.username}
        placeholder="wherry@vsphere.local"
        onChange={(username) => change({ ...draft, username })}
        isRequired
        isWrong={tried && draft.username.trim() === ''}
      />
      <Secret name="password" label="Password" {...{ draft, change, kept, tried }} isRequired />
    </>
  );
}

function LibvirtFields(props: Props) {
  const { draft, change } = props;
  const transport = transportOf(draft.address);
  if (transport === 'ssh') {
    return (
      <>
        <Secret name="privateKey" label="Private key (OpenSSH)" isBlock {...props} />
        <Secret name="passphrase" label="Passphrase of the key" {...props} />
        <Secret name="password" label="Password, when there is no key" {...props} />
      </>
    );
  }
  if (transport === 'tls') {
    return (
      <>
        <Text
          id="client-certificate"
          label="Client certificate (PEM)"
          kind="block"
          value={draft.clientCertificate}
          onChange={(clientCertificate) => change({ ...draft, clientCertificate })}
        />
        <Secret name="clientKey" label="Key of the client certificate (PEM)" isBlock {...props} />
      </>
    );
  }
  return transport === 'tcp' ? <Secret name="password" label="Password (SASL), when it wants one" {...props} /> : null;
}

function StoreFields(props: Props) {
  const { draft, change } = props;
  return (
    <>
      <Text
        id="username"
        label="User, when it wants one"
        value={draft.username}
        onChange={(username) => change({ ...draft, username })}
      />
      <Secret name="password" label="Password" {...props} />
    </>
  );
}

function Secret(
  props: Props & {
    readonly name: string;
    readonly label: string;
    readonly isBlock?: boolean;
    readonly isRequired?: boolean;
  },
) {
  const { draft, change, kept, tried, name, label, isBlock = false, isRequired = false } = props;
  const value = draft.secrets[name] ?? '';
  const isKept = kept.includes(name);
  return (
    <Text
      id={`secret-${name}`}
      label={label}
      // A key has lines, which a password field would lose.
      kind={isBlock ? 'block' : 'secret'}
      value={value}
      onChange={(next) => change({ ...draft, secrets: { ...draft.secrets, [name]: next } })}
      isRequired={isRequired && !isKept}
      isWrong={tried && isRequired && !isKept && value === ''}
      help={isKept ? 'One is kept. Leave this empty to go on with it.' : 'Kept encrypted, and never shown again.'}
    />
  );
}

/** In front of the check, because it is that worker which checks. */
function Via({ draft, change }: Props) {
  const workers = useQuery({
    queryKey: keys.workers,
    queryFn: () => get<{ readonly items: readonly WorkerView[] }>('/workers'),
  });
  return (
    <FormGroup label="Reached through" fieldId="via">
      <FormSelect id="via" value={draft.via} onChange={(_event, via) => change({ ...draft, via })}>
        <FormSelectOption value="" label="any worker: the server chooses" />
        {(workers.data?.items ?? []).map(({ id, name, host, alive }) => (
          <FormSelectOption
            key={id}
            value={id}
            label={`${name === host ? name : `${name} on ${host}`}${alive ? '' : ' (silent)'}`}
          />
        ))}
      </FormSelect>
    </FormGroup>
  );
}
