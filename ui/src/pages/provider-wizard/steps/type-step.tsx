import { Radio } from '@patternfly/react-core';
import type { ProviderType } from '../../../api/types.ts';
import { typeTitles } from '../../../parts/provider.tsx';
import { type Draft, emptyDraft } from '../draft.ts';

const explained: Readonly<Record<ProviderType, string>> = {
  vsphere: 'A vCenter Server 6.5 to 9, or a single ESXi host with a licence.',
  libvirt: 'A host with KVM or Xen: on this machine, or over ssh, TLS or TCP.',
  ova: 'A directory on a worker (also one on NFS), or a web server, with OVAs, OVF directories, libvirt domain XML or disk images. Files can be uploaded into a directory.',
};

export function TypeStep({ draft, change }: { readonly draft: Draft; readonly change: (draft: Draft) => void }) {
  return (
    <fieldset className="w-stack">
      <legend>What is it?</legend>
      {(Object.keys(explained) as ProviderType[]).map((type) => (
        <Radio
          key={type}
          id={`type-${type}`}
          name="type"
          label={typeTitles[type]}
          description={explained[type]}
          isChecked={draft.type === type}
          // What was typed for another type has no place here.
          onChange={() => change({ ...emptyDraft, type })}
        />
      ))}
    </fieldset>
  );
}
