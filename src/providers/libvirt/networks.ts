/** What each NIC is plugged into, from what the user said and what the host has. Pure. */
import type { Concern } from '../../model/concern.ts';
import type { Vm } from '../../model/vm.ts';
import type { NicConnection } from '../domain/domain-xml.ts';

export type HostNetworks = {
  readonly networks: readonly { readonly name: string; readonly active: boolean }[];
  readonly bridges: readonly string[];
  /** A user's own daemon: it can only do QEMU's own NAT. */
  readonly session: boolean;
};

/**
 * A mapped name is a libvirt network, else a bridge; `user` means QEMU's own NAT unless a network has that name. Where
 * nothing is said: the network of the same name, else `default`, else (session) `user`.
 * @returns a connection for each NIC; those of critical concerns are placeholders.
 */
export function chooseNetworks(
  vm: Vm,
  mapping: Readonly<Record<string, string>>,
  host: HostNetworks,
): { connections: NicConnection[]; concerns: Concern[] } {
  const concerns = new Map<string, Concern>();
  const add = (severity: Concern['severity'], code: string, params: Record<string, string>): void => {
    concerns.set(JSON.stringify([code, params]), { code, severity, params });
  };
  const all = [...host.networks.map((network) => network.name), ...host.bridges, 'user'].join(', ');
  const byName = (name: string): NicConnection | undefined => {
    const network = host.networks.find((candidate) => candidate.name === name);
    if (network !== undefined) {
      if (!network.active) add('critical', 'libvirt.network_inactive', { vm: vm.name, network: name });
      return { kind: 'network', name };
    }
    if (host.bridges.includes(name)) return { kind: 'bridge', name };
    return name === 'user' ? { kind: 'user' } : undefined;
  };
  const connections = vm.nics.map((nic): NicConnection => {
    const mapped = Object.hasOwn(mapping, nic.network) ? mapping[nic.network] : mapping['*'];
    if (mapped !== undefined) {
      const connection = byName(mapped);
      if (connection !== undefined) return connection;
      add('critical', 'libvirt.network_missing', { vm: vm.name, network: mapped, networks: all });
      return { kind: 'user' };
    }
    const known = [nic.network, 'default'].find((name) => host.networks.some((network) => network.name === name));
    const chosen = known ?? (host.session ? 'user' : undefined);
    if (chosen === undefined) {
      add('critical', 'libvirt.network_unmapped', { vm: vm.name, network: nic.network, networks: all });
      return { kind: 'user' };
    }
    if (chosen !== nic.network)
      add('information', 'libvirt.network_defaulted', { vm: vm.name, network: nic.network, chosen });
    return byName(chosen) ?? { kind: 'user' };
  });
  return { connections, concerns: [...concerns.values()] };
}
