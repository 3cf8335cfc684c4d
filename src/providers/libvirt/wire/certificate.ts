import { WherryError } from '../../../model/errors.ts';
import type { CheckResult } from '../../provider.ts';

/** Refused, with the certificate that has to be looked at. */
export class CertificateRefused extends WherryError {
  readonly certificate: NonNullable<CheckResult['certificate']>;

  constructor({ code, params, cause }: WherryError, certificate: NonNullable<CheckResult['certificate']>) {
    super(code, params, cause);
    this.certificate = certificate;
  }
}
