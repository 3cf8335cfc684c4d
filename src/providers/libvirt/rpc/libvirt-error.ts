import type { XdrReader } from './xdr.ts';

/** virErrorNumber, those that we act on. */
export const libvirtCodes = {
  internalError: 1,
  noSupport: 3,
  invalidArgument: 8,
  operationFailed: 9,
  xmlError: 27,
  domainExists: 28,
  operationDenied: 29,
  systemError: 38,
  noDomain: 42,
  noNetwork: 43,
  authFailed: 45,
  noStoragePool: 49,
  noStorageVol: 50,
  operationInvalid: 55,
  configUnsupported: 67,
  authCancelled: 79,
  noDomainMetadata: 80,
  accessDenied: 88,
  storageVolExists: 90,
  authUnavailable: 94,
} as const;

/** What the daemon answered instead of a result. `message` is libvirt's own, unchanged. */
export class LibvirtError extends Error {
  override readonly name = 'LibvirtError';
  /** virErrorNumber. */
  readonly code: number;
  /** virErrorDomain: which part of libvirt. */
  readonly domain: number;

  constructor(code: number, domain: number, message: string) {
    super(message);
    this.code = code;
    this.domain = domain;
  }
}

/** Whether something failed with one of these codes of libvirt. */
export function isLibvirtError(error: unknown, ...codes: readonly (keyof typeof libvirtCodes)[]): boolean {
  return error instanceof LibvirtError && codes.some((name) => libvirtCodes[name] === error.code);
}

/** virNetMessageError. The fields that libvirt itself calls unused are read and dropped. */
export function readLibvirtError(reader: XdrReader): LibvirtError {
  const code = reader.int();
  const domain = reader.int();
  const message = reader.optional((r) => r.string());
  reader.int();
  reader.optional((r) => [r.string(), r.fixed(16), r.int()]);
  for (let i = 0; i < 3; i += 1) reader.optional((r) => r.string());
  reader.int();
  reader.int();
  reader.optional((r) => [r.string(), r.fixed(16)]);
  reader.end();
  return new LibvirtError(code, domain, message ?? `libvirt error ${code} without a message`);
}
