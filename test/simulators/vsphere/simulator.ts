/**
 * A vCenter or an ESXi host that is not there: its SOAP API (vim25), its files and its exports, on loopback, as strict as the
 * real one about types, order, sessions and faults. See README.md for what it knows.
 */
import { Disks } from './disk/disks.ts';
import { makeCertificate, type Certificate } from './http/certificate.ts';
import { listen, type Running } from './http/server.ts';
import { Troubles } from './http/trouble.ts';
import { addService } from './inventory/service.ts';
import { Leases } from './lease/leases.ts';
import { hiddenOf } from './property/collectors.ts';
import type { Product, Version } from './product.ts';
import { Accounts } from './session/accounts.ts';
import { Sessions } from './session/sessions.ts';
import { Tickets } from './session/tickets.ts';
import { Store } from './store/store.ts';
import { Rules } from './tasks/rules.ts';
import { Tasks } from './tasks/tasks.ts';
import type { Ref } from './values.ts';
import type { Settings, World } from './world.ts';

export type SimulatorOptions = {
  readonly kind?: 'vcenter' | 'esxi';
  readonly version?: Version;
  readonly freeLicence?: boolean;
  readonly instanceUuid?: string;
  readonly settings?: Partial<Settings>;
  readonly certificate?: Certificate;
};

export type VsphereSimulator = AsyncDisposable & {
  readonly world: World;
  /** `https://127.0.0.1:port` */
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly certificate: Certificate;
  readonly troubles: Troubles;
  readonly http: Running;
  /** From now on another certificate is shown, and all connections break. */
  changeCertificate(certificate: Certificate): void;
  /** The account may not read this property of this object. */
  hide(ref: Ref, property: string): void;
};

const defaults: Settings = {
  pageSize: 100,
  clockSkewMs: 0,
  taskMs: 20,
  consolidationMs: 0,
  consolidationFails: false,
  shutdownMs: 50,
  areasPerAnswer: 2000,
  bytesPerAnswer: 2 * 1024 ** 4,
  leaseTimeoutSeconds: 300,
  taskMemoryMs: 600_000,
};

export async function startVsphere(options: SimulatorOptions = {}): Promise<VsphereSimulator> {
  let certificate = options.certificate ?? (await makeCertificate());
  const settings = { ...defaults, ...options.settings };
  const vcenter = options.kind !== 'esxi';
  const product: Product = {
    vcenter,
    version: options.version ?? '8.0',
    free: options.freeLicence ?? false,
    instanceUuid: options.instanceUuid ?? 'c28b5595-0000-4000-8000-04dcd9fd63cf',
  };
  const now = (): number => Date.now() + settings.clockSkewMs;
  let running: Running | null = null;
  let ids = 1000;
  const url = (): string => `https://127.0.0.1:${running?.port ?? 0}`;
  const world: World = {
    product,
    store: new Store(),
    accounts: new Accounts(),
    sessions: new Sessions(now),
    tickets: new Tickets(),
    rules: new Rules(),
    tasks: new Tasks(() => world),
    disks: await Disks.open(),
    leases: new Leases(() => world),
    settings,
    now,
    address: url,
    thumbprint: () => certificate.sha1,
    newId: (prefix) => {
      ids += 1;
      return `${prefix}${ids}`;
    },
  };
  addService(world);
  const username = vcenter ? 'administrator@vsphere.local' : 'root';
  const password = 'Correct-Horse-1';
  world.accounts.add(username, password);
  const troubles = new Troubles();
  const http = await listen(world, troubles, certificate);
  running = http;
  return {
    world,
    url: url(),
    username,
    password,
    troubles,
    http,
    get certificate() {
      return certificate;
    },
    changeCertificate(next) {
      certificate = next;
      http.setCertificate(next);
    },
    hide: (ref, property) => hiddenOf(world).hide(ref, property),
    async [Symbol.asyncDispose]() {
      world.leases.close();
      world.sessions.endAll();
      await http.close();
      await world.tasks.close();
      await world.disks.close();
    },
  };
}
