/** libvirt as a system that is connected to: what it is worth, and what is in it. */
import { WherryError } from '../../model/errors.ts';
import type { LibvirtAccount } from '../../model/provider.ts';
import type { CheckResult, Connection, ConnectOptions } from '../provider.ts';
import { checkHost } from './check.ts';
import { type WatchOptions, readContext, readVmByUuid, watchHost } from './inventory/watch.ts';
import { openSession, type SessionOptions } from './session.ts';
import { refused } from './inventory/read.ts';

export async function checkLibvirt({ account, secrets }: ConnectOptions, signal: AbortSignal): Promise<CheckResult> {
  return checkHost(libvirtAccount(account), secrets, signal);
}

/** @throws provider.*, libvirt.not_running, libvirt.not_allowed: session.ts. */
export async function connectLibvirt(
  { account, secrets }: ConnectOptions,
  signal: AbortSignal,
  options: SessionOptions & { readonly watch?: WatchOptions } = {},
): Promise<Connection> {
  const session = await openSession(libvirtAccount(account), secrets, signal, options);
  return {
    watchInventory: (watching) => watchHost(session, watching, options.watch),
    readVm: async (ref, reading) => {
      // A ref is a UUID; what is none is nobody's.
      if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(ref)) return null;
      try {
        const found = await readVmByUuid(session, ref, await readContext(session, reading), reading);
        if (found === null) return null;
        if (found.kind === 'vm') return found.object;
        throw found.error;
      } catch (error) {
        reading.throwIfAborted();
        throw refused(session.address.uri, session.rpc.open ? error : await session.whyEnded());
      }
    },
    [Symbol.asyncDispose]: async () => session.close(),
  };
}

function libvirtAccount(account: ConnectOptions['account']): LibvirtAccount {
  if (account.type === 'libvirt') return account;
  throw new WherryError('internal', {}, new Error(`an account of type ${account.type} at libvirt`));
}
