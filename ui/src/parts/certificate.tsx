import {
  Alert,
  DescriptionList,
  DescriptionListDescription,
  DescriptionListGroup,
  DescriptionListTerm,
} from '@patternfly/react-core';
import type { ReactNode } from 'react';
import type { ProviderCheck } from '../api/types.ts';
import { time } from '../format.ts';
import { fingerprintGroups } from './fingerprint.ts';

type Shown = NonNullable<ProviderCheck['certificate']>;

/** What a system showed that is not trusted, for somebody who compares it. `children`: what can be done about it. */
export function CertificateCard({ shown, children }: { readonly shown: Shown; readonly children?: ReactNode }) {
  const isKey = shown.shown.startsWith('SHA256:');
  const what = isKey ? 'ssh host key' : 'certificate';
  return (
    <Alert
      isInline
      variant={shown.trusted === null ? 'warning' : 'danger'}
      component="h3"
      title={shown.trusted === null ? `The ${what} is not trusted yet` : `The ${what} has changed`}
    >
      <p>
        {shown.trusted === null
          ? `Compare the fingerprint with the one that the system itself shows. Only if they are the same is it the system you mean.`
          : `Ask who runs the system whether it was renewed. Only if so, trust the new one. Until then nothing is sent there.`}
      </p>
      <DescriptionList isCompact isHorizontal className="w-certificate" aria-label={`The ${what} that was shown`}>
        {shown.trusted !== null && (
          <Term name="Trusted until now">
            <Fingerprint of={shown.trusted} />
          </Term>
        )}
        <Term name={shown.trusted === null ? 'SHA-256 fingerprint' : 'Shown now'}>
          <Fingerprint of={shown.shown} />
        </Term>
        {shown.subject !== '' && <Term name="Subject">{shown.subject}</Term>}
        {shown.issuer !== '' && (
          <Term name="Issuer">{shown.issuer === shown.subject ? `itself (self-signed)` : shown.issuer}</Term>
        )}
        {shown.validFrom !== '' && (
          <Term name="Valid">
            {date(shown.validFrom)} to {date(shown.validTo)}
          </Term>
        )}
        {shown.names.length > 0 && <Term name="Names">{shown.names.join(', ')}</Term>}
      </DescriptionList>
      {children}
    </Alert>
  );
}

export function Fingerprint({ of }: { readonly of: string }) {
  return (
    <code className="w-fingerprint" data-fingerprint={of}>
      {fingerprintGroups(of).map((group, at) => (
        <span key={`${at} ${group}`}>{group}</span>
      ))}
    </code>
  );
}

/** As OpenSSL writes times, or ISO 8601; what is neither stays as it is. */
function date(text: string): string {
  return Number.isNaN(Date.parse(text)) ? text : time(new Date(text).toISOString());
}

export function Term({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <DescriptionListGroup>
      <DescriptionListTerm>{name}</DescriptionListTerm>
      <DescriptionListDescription>{children}</DescriptionListDescription>
    </DescriptionListGroup>
  );
}
