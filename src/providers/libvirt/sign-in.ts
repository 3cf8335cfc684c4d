/** What a daemon asks of us before it talks: nothing, polkit (on its own host), or a password by SASL. One try, never more. */
import { userInfo } from 'node:os';
import { WherryError } from '../../model/errors.ts';
import type { Secrets } from '../../model/provider.ts';
import type { LibvirtAddress } from './address.ts';
import type { LibvirtCalls } from './rpc/calls.ts';
import type { RpcConnection } from './rpc/connection.ts';
import { isLibvirtError } from './rpc/libvirt-error.ts';
import { chooseMechanism, saslMechanisms, saslSignIn, saslSteps } from './rpc/sasl.ts';

const auth = { none: 0, sasl: 1, polkit: 2 };

type Door = {
  readonly address: LibvirtAddress;
  readonly rpc: RpcConnection;
  readonly calls: LibvirtCalls;
  readonly secrets: Secrets;
};

/** @throws provider.sign_in_refused, provider.secret_missing, libvirt.not_allowed. */
export async function signInSession(door: Door, signal: AbortSignal): Promise<void> {
  const { address, calls } = door;
  const user = address.user ?? (address.transport === 'unix' ? userInfo().username : 'root');
  try {
    const types = await calls.authList(signal);
    if (types.length === 0 || types.includes(auth.none)) return;
    if (types.includes(auth.sasl)) return await sasl(door, signal);
    if (types.includes(auth.polkit) && (await calls.authPolkit(signal))) return;
    const asked = new Error(`the daemon asks for sign-in of type ${types.join(', ')}`);
    throw new WherryError('libvirt.not_allowed', { uri: address.uri, user }, asked);
  } catch (error) {
    if (!isLibvirtError(error, 'authFailed', 'authCancelled', 'authUnavailable')) throw error;
    throw new WherryError('libvirt.not_allowed', { uri: address.uri, user }, error);
  }
}

async function sasl({ address, rpc, secrets }: Door, signal: AbortSignal): Promise<void> {
  const system = address.uri;
  const offered = await saslMechanisms(rpc, signal);
  const mechanism = chooseMechanism(offered, address.transport !== 'tcp');
  if (mechanism === null) {
    const why = `it asks for SASL by ${offered.join(', ') || 'a mechanism that it does not name'}, which Wherry does not speak: use qemu+tls or qemu+ssh`;
    throw new WherryError('provider.unsupported_here', { system, why });
  }
  const { user } = address;
  const password = secrets['password'];
  if (user === null) {
    const why = 'the daemon asks for a name and a password: write it as qemu+tls://user@host/system';
    throw new WherryError('provider.setting_wrong', { setting: 'URI', why });
  }
  if (password === undefined || password === '') {
    throw new WherryError('provider.secret_missing', { system, secret: 'password' });
  }
  await saslSignIn(rpc, mechanism, saslSteps(mechanism, { user, password }), signal).catch((error: unknown) => {
    if (error instanceof WherryError) throw error;
    throw new WherryError('provider.sign_in_refused', { system, user }, error);
  });
}
