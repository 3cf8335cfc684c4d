/** Our vSphere client against everything that calls itself vSphere here. */
import { whyNoVcsim, type VcsimVersion } from '../peers/vcsim/build.ts';
import { startVcsim } from '../peers/vcsim/vcsim.ts';
import { simulatorPeer } from '../simulators/vsphere/peer.ts';
import { vsphereContract, type VspherePeer } from './vsphere-contract.ts';

function vcsim(version: VcsimVersion, pages: boolean): VspherePeer {
  return {
    name: `vcsim ${version}`,
    pages,
    unavailable: () => whyNoVcsim(version),
    start: (options) => startVcsim(version, { ...options, datacenters: 1, clusters: 1, hosts: 3 }),
  };
}

await vsphereContract(vcsim('0.24.2', false));
await vsphereContract(vcsim('0.55.0', true));
await vsphereContract(simulatorPeer());
