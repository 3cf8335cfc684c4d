/** Which vSphere it is: vCenter or ESXi, its version, and what its licence allows. */
import { data, type Data } from './values.ts';

export type Version = '6.5' | '6.7' | '7.0' | '8.0' | '9.0';

export type Product = {
  readonly vcenter: boolean;
  readonly version: Version;
  /** ESXi without a paid licence: what changes VMs is refused. */
  readonly free: boolean;
  readonly instanceUuid: string;
};

type Release = { readonly full: string; readonly build: string; readonly api: string };

/** The newest API of each release and some before it, newest first: `urn:vim25/<api>`. */
const apis = [
  '9.0.0.0',
  '8.0.3.0',
  '8.0.2.0',
  '8.0.1.0',
  '8.0.0.1',
  '7.0.3.2',
  '7.0.3.0',
  '7.0.0.0',
  '6.7.3',
  '6.7',
  '6.5',
  '6.0',
  '5.5',
];

const releases: Readonly<Record<Version, Release>> = {
  '6.5': { full: '6.5.0', build: '19757181', api: '6.5' },
  '6.7': { full: '6.7.0', build: '19832974', api: '6.7.3' },
  '7.0': { full: '7.0.3', build: '21477706', api: '7.0.3.2' },
  '8.0': { full: '8.0.3', build: '24322831', api: '8.0.3.0' },
  '9.0': { full: '9.0.0', build: '24755230', api: '9.0.0.0' },
};

export const apisOf = ({ version }: Product): readonly string[] => apis.slice(apis.indexOf(releases[version].api));

export function about(product: Product): Data {
  const { full, build, api } = releases[product.version];
  const name = product.vcenter ? 'VMware vCenter Server' : 'VMware ESXi';
  return data('AboutInfo', {
    name,
    fullName: `${name} ${full} build-${build}`,
    vendor: 'VMware, Inc.',
    version: full,
    build,
    localeVersion: 'INTL',
    localeBuild: '000',
    osType: product.vcenter ? 'linux-x64' : 'vmnix-x86',
    productLineId: product.vcenter ? 'vpx' : 'embeddedEsx',
    apiType: product.vcenter ? 'VirtualCenter' : 'HostAgent',
    apiVersion: api,
    instanceUuid: product.vcenter ? product.instanceUuid : undefined,
    licenseProductName: product.vcenter ? 'VMware VirtualCenter Server' : 'VMware ESX Server',
    licenseProductVersion: product.version,
  });
}

/** What `/sdk/vimServiceVersions.xml` says. */
export function serviceVersions(product: Product): string {
  const [newest, ...prior] = apisOf(product);
  const versions = prior.map((version) => `   <version>${version}</version>\n`).join('');
  return (
    `<?xml version="1.0" encoding="UTF-8" ?>\n<namespaces version="1.0">\n <namespace>\n  <name>urn:vim25</name>\n` +
    `  <version>${newest}</version>\n  <priorVersions>\n${versions}  </priorVersions>\n </namespace>\n` +
    ` <namespace>\n  <name>urn:vim2</name>\n  <version>2.0</version>\n </namespace>\n</namespaces>\n`
  );
}

export function licences(product: Product): Data[] {
  const edition = product.free
    ? { editionKey: 'esxBasic', name: 'VMware vSphere 8 Hypervisor' }
    : product.vcenter
      ? { editionKey: 'vc.standard.instance', name: 'vCenter Server Standard' }
      : { editionKey: 'esx.enterprisePlus.cpuPackage', name: 'VMware vSphere Enterprise Plus' };
  const feature = data('KeyValue', {
    key: product.free ? 'vsmp' : 'vimapi',
    value: product.free ? 'Up to 8-way virtual SMP' : 'vSphere API',
  });
  return [
    data('LicenseManagerLicenseInfo', {
      ...edition,
      licenseKey: '00000-00000-00000-00000-00000',
      total: 0,
      used: 1,
      costUnit: 'cpuPackage',
      properties: [data('KeyAnyValue', { key: 'feature', value: feature })],
    }),
  ];
}
