/** A store of OVAs and other images: a directory of the worker's machine, or a web server. */
import { WherryError } from '../../model/errors.ts';
import type { OvaAccount } from '../../model/provider.ts';
import type { CheckResult, Connection, ConnectOptions } from '../provider.ts';
import { checkDirectory, checkWeb } from './store/check.ts';
import { connectDirectory } from './store/directory.ts';
import type { StoreReaders } from './store/read.ts';
import { connectWeb } from './store/web.ts';

export type { StoreReaders } from './store/read.ts';

export async function checkOvaStore(
  readers: StoreReaders,
  { account, secrets }: ConnectOptions,
  signal: AbortSignal,
): Promise<CheckResult> {
  const { location, ...rest } = storeOf(account);
  return isWeb(location)
    ? await checkWeb({ location, ...rest }, secrets, signal)
    : await checkDirectory(location, readers, signal);
}

/** @throws source.*, provider.* */
export async function connectOvaStore(
  readers: StoreReaders,
  { account, secrets }: ConnectOptions,
  signal: AbortSignal,
): Promise<Connection> {
  const store = storeOf(account);
  return isWeb(store.location)
    ? await connectWeb(store, secrets, readers, signal)
    : await connectDirectory(store.location, readers, signal);
}

function storeOf(account: ConnectOptions['account']): OvaAccount {
  if (account.type === 'ova') return account;
  throw new WherryError('provider.setting_wrong', { setting: 'type', why: `${account.type} is no store` });
}

function isWeb(location: string): boolean {
  return /^https?:\/\//.test(location);
}
