/** Somebody else at the same vCenter: changes things while our provider watches. Over a session of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { VsphereAccount } from '../../src/model/provider.ts';
import { as, type ManagedProps, type Props } from '../../src/providers/vsphere/inventory/props.ts';
import { readObjects } from '../../src/providers/vsphere/inventory/reader.ts';
import { Session } from '../../src/providers/vsphere/session.ts';
import { vim, type ManagedName, type Ref, type VimInput } from '../../src/providers/vsphere/vim25/schema.ts';

export type Control = AsyncDisposable & {
  readonly session: Session;
  /** Whether it answers, soon, a question about its inventory. */
  answers(): Promise<boolean>;
  /** Every object of a kind, with some of its properties. */
  all<N extends ManagedName>(type: N, paths: readonly string[]): Promise<Array<Props<N>>>;
  rename(ref: Ref, name: string): Promise<void>;
  power(ref: Ref, state: 'on' | 'off'): Promise<void>;
  folder(parent: Ref, name: string): Promise<Ref>;
  /** An empty VM in this folder, in the first resource pool, on the first datastore. */
  create(folder: Ref, name: string): Promise<Ref>;
  /** Powered off before. */
  destroy(ref: Ref): Promise<void>;
  /** All sessions but our own, as an administrator ends them. */
  endOtherSessions(): Promise<void>;
};

const callMs = 90_000;
const answersMs = 20_000;

export async function openControl(account: VsphereAccount, password: string): Promise<Control> {
  const session = await Session.open(account, password, AbortSignal.timeout(callMs));
  const options = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(callMs) });

  const propertiesOf = async (
    type: string,
    objectSet: VimInput<'ObjectSpec'>,
    pathSet: readonly string[],
  ): Promise<ManagedProps[]> => {
    const found: ManagedProps[] = [];
    const filter = { propSet: [{ type, all: false, pathSet }], objectSet: [objectSet] };
    for await (const read of readObjects(session, filter, options().signal)) {
      if (!('object' in read)) throw new Error(JSON.stringify(read));
      if (read.object.ref.type === type) found.push(read.object);
    }
    return found;
  };
  const all = async (type: string, pathSet: readonly string[]): Promise<never> => {
    const manager = session.content.viewManager;
    if (manager === undefined) throw new Error('no views');
    const input = { container: session.content.rootFolder, type: [type], recursive: true };
    const obj = await session.call('CreateContainerView', manager, input, options());
    const traversal = vim('TraversalSpec', { name: 'view', type: 'ContainerView', path: 'view', skip: false });
    try {
      // They are of the kind that was asked for: `propertiesOf` saw to it.
      return (await propertiesOf(type, { obj, skip: true, selectSet: [traversal] }, pathSet)) as never;
    } finally {
      await session.call('DestroyView', obj, {}, options());
    }
  };
  const pools = (): Promise<ManagedProps[]> => all('ResourcePool', ['name']);
  const datastores = (): Promise<ManagedProps[]> => all('Datastore', ['name']);
  const done = async (task: Promise<Ref>): Promise<Ref> => {
    const obj = await task;
    for (const end = Date.now() + callMs; Date.now() < end; await sleep(20)) {
      const [read] = await propertiesOf('Task', { obj, skip: false }, ['info']);
      const info = read === undefined ? undefined : as<'Task'>(read, 'Task')?.get('info');
      if (info?.state === 'success') return (info.result ?? obj) as Ref;
      if (info?.state === 'error') throw new Error(`${info.error?.fault._type}: ${info.error?.localizedMessage}`);
    }
    throw new Error(`task ${obj.value} did not end`);
  };
  const power = async (ref: Ref, state: 'on' | 'off'): Promise<void> => {
    if (state === 'on') await done(session.call('PowerOnVM_Task', ref, {}, options()));
    else await done(session.call('PowerOffVM_Task', ref, {}, options()));
  };
  return {
    session,
    answers: () => {
      const answered = all('Datacenter', ['name']).then(
        () => true,
        () => false,
      );
      return Promise.race([answered, sleep(answersMs, false, { ref: false })]);
    },
    all,
    power,
    rename: async (ref, newName) => {
      await done(session.call('Rename_Task', ref, { newName }, options()));
    },
    folder: (parent, name) => session.call('CreateFolder', parent, { name }, options()),
    create: async (folder, name) => {
      const [pool] = await pools();
      const [datastore] = await datastores();
      if (pool === undefined || datastore === undefined) throw new Error('nowhere to create a VM');
      const files = { vmPathName: `[${String(datastore.get('name'))}]` };
      const config = { name, guestId: 'otherGuest', files, numCPUs: 1, memoryMB: 32 };
      return done(session.call('CreateVM_Task', folder, { config, pool: pool.ref }, options()));
    },
    destroy: async (ref) => {
      await power(ref, 'off').catch(() => undefined);
      await done(session.call('Destroy_Task', ref, {}, options()));
    },
    endOtherSessions: async () => {
      const manager = session.content.sessionManager;
      if (manager === undefined) throw new Error('no sessions');
      const [read] = await propertiesOf('SessionManager', { obj: manager, skip: false }, ['sessionList']);
      const own = (await session.user()).key;
      const sessions = read === undefined ? null : as<'SessionManager'>(read, 'SessionManager');
      const sessionId = (sessions?.get('sessionList') ?? []).map(({ key }) => key).filter((key) => key !== own);
      if (sessionId.length === 0) throw new Error('there is no other session');
      await session.call('TerminateSession', manager, { sessionId }, options());
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
