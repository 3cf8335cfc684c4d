import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { smallInventory } from './inventory/small.ts';
import { startVsphere, type VsphereSimulator } from './simulator.ts';
import { http, Raw, wrap } from './testing/raw.ts';

const instance = { type: 'ServiceInstance', value: 'ServiceInstance' };
let simulator: VsphereSimulator;
let raw: Raw;
beforeAll(async () => {
  simulator = await startVsphere();
  smallInventory(simulator.world, 2);
  raw = new Raw(simulator);
  await raw.login();
});
afterAll(() => simulator[Symbol.asyncDispose]());

const collect = (parameters: string) => raw.call(raw.collector(), 'RetrievePropertiesEx', parameters);
const specOf = (inner: string) => `<specSet>${inner}</specSet><options/>`;
const root = '<obj type="Folder">group-d1</obj>';

const of = (type: string, path: string, object = root) =>
  collect(specOf(`<propSet><type>${type}</type><pathSet>${path}</pathSet></propSet><objectSet>${object}</objectSet>`));

describe('requests that a vSphere server does not take', () => {
  it('an unknown method', async () => {
    const answer = await raw.call(instance, 'MakeCoffee');
    expect(answer).toMatchObject({ status: 500, fault: 'MethodNotFound' });
  });

  it('a method of another class', async () => {
    expect(await raw.call(instance, 'Logout')).toMatchObject({ fault: 'MethodNotFound' });
  });

  it('elements in another order', async () => {
    const propSet = '<propSet><type>Folder</type><pathSet>name</pathSet></propSet>';
    const objectSet = `<objectSet>${root}</objectSet>`;
    expect(await collect(specOf(objectSet + propSet))).toMatchObject({ fault: 'InvalidRequest' });
    expect(await collect(specOf(propSet + objectSet))).toMatchObject({ status: 200, fault: null });
    expect(await collect(`<options/><specSet>${propSet}${objectSet}</specSet>`)).toMatchObject({
      fault: 'InvalidRequest',
    });
  });

  it('an unknown parameter, a missing one, one twice', async () => {
    const login = { type: 'SessionManager', value: 'SessionManager' };
    const names = '<userName>x</userName><password>y</password>';
    const unknown = await raw.call(login, 'Login', `${names}<colour>red</colour>`);
    expect(unknown).toMatchObject({ fault: 'InvalidRequest' });
    expect(unknown.faultText).toContain('Unexpected element tag "colour"');
    expect((await raw.call(login, 'Login', '<userName>x</userName>')).faultText).toContain('password is missing');
    expect(await raw.call(login, 'Login', `<userName>x</userName>${names}`)).toMatchObject({ fault: 'InvalidRequest' });
  });

  it.each([
    ['maxObjects', 'RetrieveOptions', '<maxObjects>ten</maxObjects>'],
    ['maxObjects', 'RetrieveOptions', '<maxObjects>4294967296</maxObjects>'],
    ['skip', 'ObjectSpec', null],
  ])('a wrong value of %s of %s', async (_name, _type, options) => {
    const propSet = '<propSet><type>Folder</type><pathSet>name</pathSet></propSet>';
    const objectSet = `<objectSet>${root}${options === null ? '<skip>maybe</skip>' : ''}</objectSet>`;
    expect(await collect(`<specSet>${propSet}${objectSet}</specSet><options>${options ?? ''}</options>`)).toMatchObject(
      {
        fault: 'InvalidRequest',
      },
    );
  });

  it('a traversal without its xsi:type, and an unknown type', async () => {
    const propSet = '<propSet><type>Folder</type><pathSet>name</pathSet></propSet>';
    const traversal = '<type>Folder</type><path>childEntity</path>';
    const plain = `<objectSet>${root}<selectSet>${traversal}</selectSet></objectSet>`;
    expect(await collect(specOf(propSet + plain))).toMatchObject({ fault: 'InvalidRequest' });
    const odd = `<objectSet>${root}<selectSet xsi:type="WalkSpec">${traversal}</selectSet></objectSet>`;
    expect(await collect(specOf(propSet + odd))).toMatchObject({ fault: 'InvalidType' });
  });

  it('an abstract parameter without its type', async () => {
    const self = { type: 'SessionManager', value: 'SessionManager' };
    const inner = '<method>httpGet</method><url>https://x/folder/a</url>';
    expect(await raw.call(self, 'AcquireGenericServiceTicket', `<spec>${inner}</spec>`)).toMatchObject({
      fault: 'InvalidRequest',
    });
    const typed = `<spec xsi:type="SessionManagerHttpServiceRequestSpec">${inner}</spec>`;
    expect(await raw.call(self, 'AcquireGenericServiceTicket', typed)).toMatchObject({ fault: null });
  });

  it('unknown classes, properties and objects', async () => {
    expect(await of('Directory', 'name')).toMatchObject({ fault: 'InvalidType' });
    expect(await of('Folder', 'colour')).toMatchObject({ fault: 'InvalidProperty' });
    expect(await of('VirtualMachine', 'config.hardware.colour')).toMatchObject({ fault: 'InvalidProperty' });
    expect(await of('Folder', 'name', '<obj type="Folder">group-v9</obj>')).toMatchObject({
      fault: 'ManagedObjectNotFound',
    });
    expect(await of('Folder', 'name', '<obj type="Cupboard">group-v9</obj>')).toMatchObject({ fault: 'InvalidType' });
  });

  it('an unknown version, and none', async () => {
    const other = new Raw(simulator);
    for (const soapAction of ['"urn:vim25/9.9"', '', '"urn:vim2"']) {
      other.soapAction = soapAction;
      const answer = await other.call(instance, 'RetrieveServiceContent');
      expect(answer).toMatchObject({ status: 500, fault: 'vim25:VersionMismatchFaultCode' });
    }
  });

  it('what is no SOAP, has a DOCTYPE, or another namespace', async () => {
    const doctype = `<!DOCTYPE x [<!ENTITY a "b">]>${wrap('<RetrieveServiceContent xmlns="urn:vim25"/>')}`;
    for (const body of ['', 'hello', '<a/>', doctype, wrap('<RetrieveServiceContent xmlns="urn:vim26"/>')]) {
      expect(await raw.send(body)).toMatchObject({ status: 500, fault: 'ServerFaultCode' });
    }
  });
});

describe('the versions', () => {
  it.each([
    ['6.5', '6.5'],
    ['6.7', '6.7.3'],
    ['7.0', '7.0.3.2'],
    ['8.0', '8.0.3.0'],
    ['9.0', '9.0.0.0'],
  ] as const)('vCenter %s speaks up to %s and no further', async (version, api) => {
    await using older = await startVsphere({ version, certificate: simulator.certificate });
    const listed = (await http(older, '/sdk/vimServiceVersions.xml')).body.toString();
    expect(listed).toContain(`<name>urn:vim25</name>\n  <version>${api}</version>`);
    const client = new Raw(older);
    client.soapAction = `"urn:vim25/${api}"`;
    const content = await client.call(instance, 'RetrieveServiceContent');
    expect(content.text).toContain(`<apiVersion>${api}</apiVersion>`);
    expect(content.text).toContain('<apiType>VirtualCenter</apiType>');
    client.soapAction = '"urn:vim25/9.9.9.9"';
    expect((await client.call(instance, 'RetrieveServiceContent')).status).toBe(500);
  });

  it('ESXi has a root of its own and no instance UUID', async () => {
    await using host = await startVsphere({ kind: 'esxi', certificate: simulator.certificate });
    const { text } = await new Raw(host).call(instance, 'RetrieveServiceContent');
    expect(text).toContain('<rootFolder type="Folder">ha-folder-root</rootFolder>');
    expect(text).toContain('<apiType>HostAgent</apiType>');
    expect(text).not.toContain('instanceUuid');
  });
});
