/** vCenter or ESXi as a system that is connected to. */
import { WherryError } from '../../model/errors.ts';
import type { VsphereAccount } from '../../model/provider.ts';
import { usualLimits, type HttpsLimits } from '../net/https.ts';
import type { CheckResult, Connection, ConnectOptions } from '../provider.ts';
import { checkSystem } from './check.ts';
import { loadPlaces, readOneVm, watchSession, type Known } from './inventory/watch.ts';
import { tagPause, type TagPause } from './inventory/tags.ts';
import { placeNames } from './inventory/properties.ts';
import type { Places } from './inventory/places.ts';
import { isSignedOut, Session, wherryError } from './session.ts';

/** Never throws for what is wrong with the system. */
export async function checkVsphere({ account, secrets }: ConnectOptions, signal: AbortSignal): Promise<CheckResult> {
  return checkSystem(vsphereAccount(account), secrets['password'], signal);
}

/** @throws provider.* : session.ts */
export async function connectVsphere(
  { account, secrets }: ConnectOptions,
  signal: AbortSignal,
  limits: HttpsLimits = usualLimits,
  pause: TagPause = tagPause,
): Promise<Connection> {
  const session = await Session.open(vsphereAccount(account), secrets['password'], signal, limits);
  const known: Known = { places: null, tags: null };
  return {
    watchInventory: (watching) => watchSession(session, known, pause, watching),
    readVm: async (ref, reading) => {
      const found = await signedIn(session, reading, async () => {
        known.places ??= await placesNow(session, reading);
        return readOneVm(session, known.places, known.tags, ref, reading);
      });
      if (found !== null && 'code' in found) throw new WherryError('provider.answer_broken', found.params);
      return found;
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}

/** Again, from the start, when the session had ended. */
async function signedIn<T>(session: Session, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const { generation } = session;
  try {
    return await work();
  } catch (error) {
    if (!isSignedOut(error)) throw wherryError(error, session.system, 'reading a VM');
  }
  await session.signInAgain(generation, signal);
  return work().catch((error: unknown) => {
    throw wherryError(error, session.system, 'reading a VM');
  });
}

async function placesNow(session: Session, signal: AbortSignal): Promise<Places> {
  const { viewManager, rootFolder } = session.content;
  if (viewManager === undefined) throw new Error('a vSphere without views');
  const input = { container: rootFolder, type: placeNames, recursive: true };
  const view = await session.call('CreateContainerView', viewManager, input, { signal });
  try {
    return await loadPlaces(session, view, signal);
  } finally {
    await session.call('DestroyView', view, {}, { signal }).catch(() => undefined);
  }
}

function vsphereAccount(account: ConnectOptions['account']): VsphereAccount {
  if (account.type === 'vsphere') return account;
  throw new WherryError('internal', {}, new Error(`an account of type ${account.type} at vSphere`));
}
