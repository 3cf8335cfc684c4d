import { Alert, Bullseye, Button, Spinner } from '@patternfly/react-core';
import { useState } from 'react';
import type { ProviderCheck, UnsavedProvider } from '../../../api/types.ts';
import { CertificateCard } from '../../../parts/certificate.tsx';
import { CheckRows } from '../../../parts/check-result.tsx';
import { Problem } from '../../../parts/problem.tsx';
import { trustWords } from '../../provider/check-tab.tsx';
import { withVersion } from '../../providers/table.tsx';
import { Inside } from './inside.tsx';
import { Text } from './text.tsx';

/** What was found, what is not trusted and how to trust it. One try of the password each time, never more. */
export function CheckStep(props: {
  /** Null while there is none. */
  readonly check: ProviderCheck | null;
  /** What was checked. */
  readonly source: UnsavedProvider;
  readonly error: Error | null;
  readonly isChecking: boolean;
  readonly again: () => void;
  readonly trust: (fingerprint: string) => void;
  readonly trustAuthority: (pem: string) => void;
}) {
  const { check, source, error, isChecking, again, trust, trustAuthority } = props;
  if (isChecking) {
    return (
      <Bullseye role="status">
        <Spinner aria-label="Checking" /> Checking …
      </Bullseye>
    );
  }
  return (
    <div className="w-stack">
      {error !== null && <Problem error={error} />}
      {check !== null && check.certificate !== null && (
        <CertificateCard shown={check.certificate}>
          <Trusting certificate={check.certificate} trust={trust} trustAuthority={trustAuthority} />
        </CertificateCard>
      )}
      {check !== null && check.ok && (
        <Alert
          isInline
          variant="success"
          component="h3"
          title={check.product === '' ? 'All is well' : `All is well: ${withVersion(check.product, check.version)}`}
        />
      )}
      {check !== null && <CheckRows check={check} />}
      {check !== null && check.ok && <Inside source={source} />}
      <div>
        <Button variant="link" isInline onClick={again}>
          Check again
        </Button>
      </div>
    </div>
  );
}

function Trusting(props: {
  readonly certificate: NonNullable<ProviderCheck['certificate']>;
  readonly trust: (fingerprint: string) => void;
  readonly trustAuthority: (pem: string) => void;
}) {
  const { certificate, trust, trustAuthority } = props;
  const [pem, setPem] = useState<string | null>(null);
  const isKey = certificate.shown.startsWith('SHA256:');
  return (
    <div className="w-stack">
      <div className="w-actions">
        <Button variant="secondary" onClick={() => trust(certificate.shown)}>
          {trustWords(certificate)}
        </Button>
        {!isKey && pem === null && (
          <Button variant="link" onClick={() => setPem('')}>
            Give the authority that signed it
          </Button>
        )}
      </div>
      {pem !== null && (
        <>
          <Text id="authority" label="Certificate of the authority (PEM)" kind="block" value={pem} onChange={setPem} />
          <div>
            <Button
              variant="secondary"
              isDisabled={!pem.includes('-----BEGIN CERTIFICATE-----')}
              onClick={() => trustAuthority(pem)}
            >
              Trust this authority
            </Button>
          </div>
        </>
      )}
    </div>
  );
}
