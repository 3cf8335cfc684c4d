/** The simulator as a peer of the client's contract suite: a vCenter with a cluster whose VMs all run. */
import type { VsphereAccount } from '../../../src/model/provider.ts';
import { smallInventory } from './inventory/small.ts';
import { startVsphere, type SimulatorOptions, type VsphereSimulator } from './simulator.ts';
import { setPower } from './vm/vm.ts';

/** How our client is told of it. */
export const accountOf = ({ url, username, certificate }: VsphereSimulator): VsphereAccount => ({
  type: 'vsphere',
  url,
  username,
  trust: { kind: 'pinned', sha256: certificate.sha256 },
});

export type SimulatorPeer = AsyncDisposable & { readonly account: VsphereAccount; readonly password: string };

export const simulatorPeer = (options: SimulatorOptions = {}) => ({
  name: `our simulator of ${options.version ?? '8.0'}`,
  pages: true,
  unavailable: async (): Promise<string | null> => null,
  async start({ vms, sessionIdleSeconds }: { vms: number; sessionIdleSeconds?: number }): Promise<SimulatorPeer> {
    const simulator = await startVsphere(options);
    const { world } = simulator;
    if (sessionIdleSeconds !== undefined) world.sessions.idleMs = sessionIdleSeconds * 1000;
    for (const vm of smallInventory(world, vms, 3).vms) setPower(world, vm, 'poweredOn');
    return {
      account: accountOf(simulator),
      password: simulator.password,
      [Symbol.asyncDispose]: () => simulator[Symbol.asyncDispose](),
    };
  },
});
