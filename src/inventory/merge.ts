import type { InventoryVm } from '../model/inventory.ts';

/**
 * A VM that is known in full, and of which a new read has told the cheap fields only so far: those are taken, the rest
 * stays until the read comes to it, as does what such a read does not know (no address, no name in the guest). So a connection that breaks and comes back does not empty every list meanwhile. Pure.
 */
export function merged(stored: InventoryVm, told: InventoryVm): InventoryVm {
  if (told.detail === 'full' || stored.detail !== 'full') return told;
  const { power, connection, template, hostRef, host, clusterRef, cluster, folder } = told;
  const cheap = { power, connection, template, hostRef, host, clusterRef, cluster, folder };
  const guest = {
    tools: told.tools === 'unknown' ? stored.tools : told.tools,
    hostname: told.hostname ?? stored.hostname,
    ips: told.ips.length === 0 ? stored.ips : told.ips,
  };
  return {
    ...stored,
    ...cheap,
    ...guest,
    cpus: told.cpus || stored.cpus,
    memoryBytes: told.memoryBytes || stored.memoryBytes,
  };
}
