/** SKELETON: being written. */
import { WherryError } from '../../model/errors.ts';
import type { CheckResult, Connection, ConnectOptions } from '../provider.ts';

export async function checkLibvirt({ account }: ConnectOptions, _signal: AbortSignal): Promise<CheckResult> {
  throw new WherryError('provider.unsupported_here', { system: account.type, why: 'not yet built' });
}

export async function connectLibvirt({ account }: ConnectOptions, _signal: AbortSignal): Promise<Connection> {
  throw new WherryError('provider.unsupported_here', { system: account.type, why: 'not yet built' });
}
