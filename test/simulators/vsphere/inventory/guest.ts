/** What tools in a guest tell. */
import { asData, asList, asText, data, isData, type Data } from '../values.ts';

export type GuestOptions = {
  /** `running` while the VM is on; `none`: not installed. */
  readonly tools?: 'running' | 'stopped' | 'none';
  readonly hostName?: string;
  /** Addresses of each NIC, in the order of the NICs. */
  readonly ips?: ReadonlyArray<readonly string[]>;
  readonly guestDisks?: ReadonlyArray<{
    readonly path: string;
    readonly capacity: number;
    readonly free: number;
    readonly key?: number;
  }>;
  readonly power?: string;
  readonly guestName?: string;
  readonly guestId?: string;
};

export function guestInfo(options: GuestOptions, config: Data): Data {
  const installed = options.tools !== 'none';
  const running = installed && options.tools !== 'stopped' && options.power === 'poweredOn';
  const status = installed ? 'guestToolsUnmanaged' : 'guestToolsNotInstalled';
  const ips = options.ips ?? [];
  return data('GuestInfo', {
    toolsStatus: !installed ? 'toolsNotInstalled' : running ? 'toolsOk' : 'toolsNotRunning',
    toolsVersionStatus: status,
    toolsVersionStatus2: status,
    toolsRunningStatus: running ? 'guestToolsRunning' : 'guestToolsNotRunning',
    toolsVersion: installed ? '12352' : '0',
    guestId: running ? config['guestId'] : undefined,
    guestFamily: running ? 'linuxGuest' : undefined,
    guestFullName: running ? config['guestFullName'] : undefined,
    hostName: running ? options.hostName : undefined,
    ipAddress: running ? ips[0]?.[0] : undefined,
    net: running ? nicsOf(config).map((nic, index) => guestNic(nic, ips[index] ?? [])) : [],
    disk: options.guestDisks?.map(({ path, capacity, free, key }) =>
      data('GuestDiskInfo', {
        diskPath: path,
        capacity,
        freeSpace: free,
        filesystemType: 'ext4',
        mappings: key === undefined ? undefined : [data('GuestInfoVirtualDiskMapping', { key })],
      }),
    ),
    guestState: running ? 'running' : 'notRunning',
    appHeartbeatStatus: 'appStatusGray',
    guestOperationsReady: running,
    interactiveGuestOperationsReady: false,
    guestStateChangeSupported: running,
  });
}

const nicsOf = (config: Data): Data[] =>
  asList(asData(config['hardware'])?.['device'])
    .filter(isData)
    .filter((device) => device['macAddress'] !== undefined);

function guestNic(nic: Data, ips: readonly string[]): Data {
  const backing = asData(nic['backing']);
  return data('GuestNicInfo', {
    network: asText(backing?.['deviceName']),
    ipAddress: [...ips],
    macAddress: nic['macAddress'],
    connected: true,
    deviceConfigId: nic['key'],
    ipConfig: data('NetIpConfigInfo', {
      ipAddress: ips.map((ipAddress) =>
        data('NetIpConfigInfoIpAddress', {
          ipAddress,
          prefixLength: ipAddress.includes(':') ? 64 : 24,
          state: 'preferred',
        }),
      ),
    }),
  });
}
