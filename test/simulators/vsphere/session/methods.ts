/** Signing in and out, tickets, privileges, the clock. */
import { mayDo } from './accounts.ts';
import { showSession } from './sessions.ts';
import { invalidArgument, notFound, notSupported, VimFault } from '../soap/fault.ts';
import { asData, asRefs, asText, asTexts, data } from '../values.ts';
import { answer, nothing, type Answer, type Call, type Handler } from '../world.ts';

/** Those that need no session. */
export const openMethods: Readonly<Record<string, (call: Call) => Answer>> = {
  RetrieveServiceContent: ({ self }) => answer(self.properties.get('content')),

  Login({ world, args, session, userAgent, ipAddress }) {
    const wrong = new VimFault('InvalidLogin', 'Cannot complete login due to an incorrect user name or password.');
    if (session !== null) throw wrong;
    const account = world.accounts.signIn(asText(args['userName']) ?? '', asText(args['password']) ?? '');
    if (account === null) throw wrong;
    const opened = world.sessions.open(account, userAgent, ipAddress);
    return { value: showSession(opened), session: opened };
  },
};

export const sessionMethods: Record<string, Handler> = {
  CurrentTime: ({ world }) => answer(new Date(world.now()).toISOString()),

  Logout({ world, session }) {
    world.sessions.end(session);
    return { session: null };
  },

  SessionIsActive({ world, args }) {
    if (!world.product.vcenter) throw notSupported();
    const found = world.sessions.byKey(asText(args['sessionID']) ?? '');
    return answer(found !== undefined && found.account.name === args['userName']);
  },

  TerminateSession({ world, session, args }) {
    const keys = asTexts(args['sessionId']);
    const sessions = keys.map((key) => world.sessions.byKey(key));
    if (keys.includes(session.key)) throw invalidArgument('sessionId');
    for (const found of sessions) {
      if (found === undefined) throw new VimFault('NotFound', 'The object or item referred to could not be found.');
      world.sessions.end(found);
    }
    return nothing;
  },

  AcquireGenericServiceTicket({ world, args }) {
    const spec = asData(args['spec']);
    const url = asText(spec?.['url']);
    if (url === undefined) throw invalidArgument('spec');
    const id = world.tickets.issue(asText(spec?.['method']) ?? 'GET', url);
    const sslThumbprint = world.thumbprint();
    const { hostname } = new URL(url, world.address());
    return answer(data('SessionManagerGenericServiceTicket', { id, hostName: hostname, sslThumbprint }));
  },

  HasPrivilegeOnEntities({ world, args }) {
    const session = world.sessions.byKey(asText(args['sessionId']) ?? '');
    if (session === undefined) throw invalidArgument('sessionId');
    const privileges = asTexts(args['privId']);
    return answer(
      asRefs(args['entity']).map((entity) => {
        if (world.store.find(entity) === undefined) throw notFound(entity);
        const privAvailability = privileges.map((privId) =>
          data('PrivilegeAvailability', { privId, isGranted: mayDo(session.account, privId) }),
        );
        return data('EntityPrivilege', { entity, privAvailability });
      }),
    );
  },

  FetchUserPrivilegeOnEntities({ world, args }) {
    const account = world.accounts.find(asText(args['userName']) ?? '');
    return answer(
      asRefs(args['entities']).map((entity) => {
        if (world.store.find(entity) === undefined) throw notFound(entity);
        const granted = account === undefined ? [] : account.privileges === 'all' ? everything : account.privileges;
        return data('UserPrivilegeResult', {
          entity,
          privileges: ['System.Anonymous', 'System.Read', 'System.View', ...granted],
        });
      }),
    );
  },
};

/** A role with everything has these among many others. */
const everything = [
  'Datastore.Browse',
  'Datastore.FileManagement',
  'VApp.Export',
  'VirtualMachine.Config.ChangeTracking',
  'VirtualMachine.Config.DiskLease',
  'VirtualMachine.Interact.PowerOff',
  'VirtualMachine.Interact.PowerOn',
  'VirtualMachine.Provisioning.DiskRandomAccess',
  'VirtualMachine.Provisioning.DiskRandomRead',
  'VirtualMachine.Provisioning.GetVmFiles',
  'VirtualMachine.State.CreateSnapshot',
  'VirtualMachine.State.RemoveSnapshot',
];
