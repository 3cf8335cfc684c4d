import { beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate, type Certificate } from '../http/certificate.ts';
import { smallInventory } from '../inventory/small.ts';
import { startVsphere, type SimulatorOptions, type VsphereSimulator } from '../simulator.ts';
import { given, http, Raw, patience } from '../testing/raw.ts';

const instance = { type: 'ServiceInstance', value: 'ServiceInstance' };
const manager = { type: 'SessionManager', value: 'SessionManager' };
let certificate: Certificate;
beforeAll(async () => {
  certificate = await makeCertificate();
});

const start = (options: SimulatorOptions = {}): Promise<VsphereSimulator> => startVsphere({ certificate, ...options });

describe('sessions', () => {
  it('nothing but the service content is told without one', async () => {
    await using simulator = await start();
    const raw = new Raw(simulator);
    expect((await raw.call(instance, 'RetrieveServiceContent')).status).toBe(200);
    expect(await raw.call(instance, 'CurrentTime')).toMatchObject({ status: 500, fault: 'NotAuthenticated' });
    await raw.login();
    expect(raw.cookie).toMatch(/^vmware_soap_session="[0-9a-f]{40}"$/);
    expect((await raw.call(instance, 'CurrentTime')).status).toBe(200);
    expect((await raw.call(manager, 'Logout')).status).toBe(200);
    expect(await raw.call(instance, 'CurrentTime')).toMatchObject({ fault: 'NotAuthenticated' });
    expect(simulator.world.sessions.all()).toEqual([]);
  });

  it('a second sign-in in the same session is refused', async () => {
    await using simulator = await start();
    const raw = new Raw(simulator);
    await raw.login();
    expect(await raw.login()).toMatchObject({ fault: 'InvalidLogin' });
  });

  it('a wrong password is counted, and five of them lock the account', async () => {
    await using simulator = await start();
    const account = simulator.world.accounts.find(simulator.username);
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      expect(await new Raw(simulator).login('wrong')).toMatchObject({ fault: 'InvalidLogin' });
      expect(account?.attempts).toBe(attempt);
    }
    expect(await new Raw(simulator).login()).toMatchObject({ fault: 'InvalidLogin' });
    expect(account?.locked).toBe(true);
  });

  it('an idle one ends, one that waits is not idle', async () => {
    await using simulator = await start();
    smallInventory(simulator.world, 1);
    const raw = new Raw(simulator);
    await raw.login();
    const waiting = raw.call(
      raw.collector(),
      'WaitForUpdatesEx',
      '<options><maxWaitSeconds>1</maxWaitSeconds></options>',
    );
    await expect.poll(() => simulator.world.sessions.all()[0]?.busy, patience).toBe(1);
    simulator.world.sessions.idleMs = 0;
    expect((await raw.call(instance, 'CurrentTime')).status).toBe(200);
    expect((await waiting).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await raw.call(instance, 'CurrentTime')).toMatchObject({ fault: 'NotAuthenticated' });
  });

  it('one that is ended from outside stops what waits in it', async () => {
    await using simulator = await start();
    const [victim, other] = [new Raw(simulator), new Raw(simulator)];
    await victim.login();
    await other.login();
    const waiting = victim.call(victim.collector(), 'WaitForUpdatesEx');
    await expect.poll(() => simulator.world.sessions.all()[0]?.busy, patience).toBe(1);
    const key = simulator.world.sessions.all()[0]?.key ?? '';
    expect((await other.call(manager, 'TerminateSession', `<sessionId>${key}</sessionId>`)).status).toBe(200);
    expect(await waiting).toMatchObject({ fault: 'NotAuthenticated' });
    expect(await victim.call(instance, 'CurrentTime')).toMatchObject({ fault: 'NotAuthenticated' });
    expect((await other.call(instance, 'CurrentTime')).status).toBe(200);
  });

  it('what one made is nobody else’s', async () => {
    await using simulator = await start();
    const [mine, other] = [new Raw(simulator), new Raw(simulator)];
    await mine.login();
    await other.login();
    const parameters = '<container type="Folder">group-d1</container><recursive>true</recursive>';
    const made = await mine.call({ type: 'ViewManager', value: 'ViewManager' }, 'CreateContainerView', parameters);
    const view = { type: 'ContainerView', value: made.returned[0]?.text ?? '' };
    expect(await other.call(view, 'DestroyView')).toMatchObject({ fault: 'ManagedObjectNotFound' });
    expect((await mine.call(view, 'DestroyView')).status).toBe(200);
  });
});

describe('what a server says of itself and of its users', () => {
  it('its clock may be wrong', async () => {
    await using simulator = await start({ settings: { clockSkewMs: 3_600_000 } });
    const raw = new Raw(simulator);
    await raw.login();
    const [time] = (await raw.call(instance, 'CurrentTime')).returned;
    expect(Date.parse(time?.text ?? '') - Date.now()).toBeGreaterThan(3_500_000);
  });

  it('privileges are told, and missing ones refuse the call', async () => {
    await using simulator = await start();
    const { vms } = smallInventory(simulator.world, 1);
    const [vm] = vms;
    if (vm === undefined) throw new Error('no VM');
    const account = simulator.world.accounts.find(simulator.username);
    if (account !== undefined) account.privileges = new Set(['VirtualMachine.Interact.PowerOn']);
    const raw = new Raw(simulator);
    await raw.login();
    const key = simulator.world.sessions.all()[0]?.key ?? '';
    const privileges = ['VirtualMachine.Interact.PowerOn', 'VirtualMachine.State.CreateSnapshot'];
    const answer = await raw.call(
      { type: 'AuthorizationManager', value: 'AuthorizationManager' },
      'HasPrivilegeOnEntities',
      `${given('entity', vm)}<sessionId>${key}</sessionId>${privileges.map((id) => `<privId>${id}</privId>`).join('')}`,
    );
    expect(answer.text.match(/<isGranted>\w+/g)).toEqual(['<isGranted>true', '<isGranted>false']);
    const snapshot = '<name>s</name><memory>false</memory><quiesce>false</quiesce>';
    expect(await raw.call(vm, 'CreateSnapshot_Task', snapshot)).toMatchObject({ fault: 'NoPermission' });
  });

  it('a free ESXi changes nothing', async () => {
    await using simulator = await start({ kind: 'esxi', freeLicence: true });
    const [vm] = smallInventory(simulator.world, 1).vms;
    if (vm === undefined) throw new Error('no VM');
    const raw = new Raw(simulator);
    await raw.login();
    const answer = await raw.call(vm, 'PowerOnVM_Task');
    expect(answer).toMatchObject({ fault: 'RestrictedVersion' });
    expect(answer.faultText).toContain('prohibits execution');
  });

  it('the certificate can change while it runs', async () => {
    await using simulator = await start();
    const before = simulator.certificate.sha256;
    simulator.changeCertificate(await makeCertificate());
    expect(simulator.certificate.sha256).not.toBe(before);
    const answer = await http(simulator, '/sdk/vimServiceVersions.xml');
    expect(answer.status).toBe(200);
    await using old = await start();
    const mixed = { ...simulator, certificate: old.certificate };
    await expect(http(mixed, '/sdk/vimServiceVersions.xml')).rejects.toThrow(/certificate/);
  });
});
