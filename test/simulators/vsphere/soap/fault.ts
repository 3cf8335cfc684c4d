import { data, type Data, type Ref, type Value, showRef } from '../values.ts';

/** What a method answers instead of a result: a fault of the table, and the sentence that goes with it. */
export class VimFault extends Error {
  override readonly name = 'VimFault';
  readonly fault: Data;

  constructor(type: string, message: string, fields: Readonly<Record<string, Value | undefined>> = {}) {
    super(message);
    this.fault = data(type, fields);
  }
}

/** A request that is no request for any method: the envelope, the version. `code` is the SOAP fault code. */
export class SoapError extends Error {
  override readonly name = 'SoapError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export const notAuthenticated = (object: Ref): VimFault =>
  new VimFault('NotAuthenticated', 'The session is not authenticated.', { object, privilegeId: 'System.View' });

export const invalidArgument = (property: string): VimFault =>
  new VimFault('InvalidArgument', `A specified parameter was not correct: ${property}`, { invalidProperty: property });

export const invalidRequest = (why: string): VimFault => new VimFault('InvalidRequest', why);

export const notFound = (ref: Ref): VimFault =>
  new VimFault(
    'ManagedObjectNotFound',
    `The object '${showRef(ref)}' has already been deleted or has not been completely created`,
    { obj: ref },
  );

export const notSupported = (): VimFault =>
  new VimFault('NotSupported', 'The operation is not supported on the object.');

export const invalidPowerState = (requested: string | undefined, existing: string): VimFault =>
  new VimFault(
    'InvalidPowerState',
    `The attempted operation cannot be performed in the current state (${poweredWords[existing] ?? existing}).`,
    { requestedState: requested, existingState: existing },
  );

const poweredWords: Readonly<Record<string, string>> = {
  poweredOn: 'Powered on',
  poweredOff: 'Powered off',
  suspended: 'Suspended',
};

export const localized = (fault: VimFault): Data =>
  data('LocalizedMethodFault', { fault: fault.fault, localizedMessage: fault.message });
