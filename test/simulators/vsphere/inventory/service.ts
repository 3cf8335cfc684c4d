/** What every server has before anything is in it: the service content, its managers, the root folder. */
import { about, licences, type Product } from '../product.ts';
import { showSession } from '../session/sessions.ts';
import { data, refOf, type Data, type Ref, type Value } from '../values.ts';
import type { World } from '../world.ts';

type Managers = Readonly<Record<string, readonly [type: string, id: string]>>;

/** Ids as real ones have them: those of a host begin with ha-. */
const ofVcenter: Managers = {
  rootFolder: ['Folder', 'group-d1'],
  propertyCollector: ['PropertyCollector', 'propertyCollector'],
  viewManager: ['ViewManager', 'ViewManager'],
  sessionManager: ['SessionManager', 'SessionManager'],
  authorizationManager: ['AuthorizationManager', 'AuthorizationManager'],
  taskManager: ['TaskManager', 'TaskManager'],
  licenseManager: ['LicenseManager', 'LicenseManager'],
  searchIndex: ['SearchIndex', 'SearchIndex'],
};

const ofHost: Managers = {
  rootFolder: ['Folder', 'ha-folder-root'],
  propertyCollector: ['PropertyCollector', 'ha-property-collector'],
  viewManager: ['ViewManager', 'ViewManager'],
  sessionManager: ['SessionManager', 'ha-sessionmgr'],
  authorizationManager: ['AuthorizationManager', 'ha-authmgr'],
  taskManager: ['TaskManager', 'ha-taskmgr'],
  licenseManager: ['LicenseManager', 'ha-license-manager'],
  searchIndex: ['SearchIndex', 'ha-searchindex'],
};

export const managersOf = (product: Product): Managers => (product.vcenter ? ofVcenter : ofHost);

export const rootFolder = (product: Product): Ref => {
  const [type, id] = managersOf(product)['rootFolder'] ?? ['Folder', ''];
  return refOf(type, id);
};

export function addService(world: World): void {
  const { product, store, sessions } = world;
  const managers = managersOf(product);
  const content = serviceContent(product);
  store.add({
    ref: refOf('ServiceInstance', 'ServiceInstance'),
    properties: new Map([['content', content]]),
    computed: { serverClock: () => new Date(world.now()).toISOString() },
  });
  for (const [name, [type, id]] of Object.entries(managers)) {
    const ref = refOf(type, id);
    if (name === 'sessionManager') {
      store.add({
        ref,
        properties: new Map([['defaultLocale', 'en']]),
        computed: {
          sessionList: () => sessions.all().map(showSession),
          currentSession: (key) => {
            const session = sessions.byKey(key);
            return session === undefined ? undefined : showSession(session);
          },
        },
      });
    } else store.add({ ref, properties: properties(name, product) });
  }
}

export function serviceContent(product: Product): Data {
  const refs = Object.entries(managersOf(product)).map(([name, [type, id]]): [string, Value] => [
    name,
    refOf(type, id),
  ]);
  return data('ServiceContent', { ...Object.fromEntries(refs), about: about(product) });
}

function properties(name: string, product: Product): Map<string, Value> {
  if (name === 'rootFolder') {
    return new Map<string, Value>([
      ['name', product.vcenter ? 'Datacenters' : 'ha-folder-root'],
      ['childType', ['Folder', 'Datacenter']],
      ['childEntity', []],
      ['overallStatus', 'gray'],
      ['configStatus', 'gray'],
    ]);
  }
  if (name === 'licenseManager') {
    return new Map<string, Value>([
      ['licenses', licences(product)],
      ['licensedEdition', product.free ? 'esxBasic' : 'vc'],
    ]);
  }
  return new Map();
}
