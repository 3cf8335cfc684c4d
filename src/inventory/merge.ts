import type { InventoryVm } from '../model/inventory.ts';

/**
 * A VM that is known in full, and of which a new read has told the cheap fields only so far: those are taken, the rest
 * stays until the read comes to it. So a connection that breaks and comes back does not empty every list meanwhile. Pure.
 */
export function merged(stored: InventoryVm, told: InventoryVm): InventoryVm {
  if (told.detail === 'full' || stored.detail !== 'full') return told;
  const { power, connection, template, hostRef, host, clusterRef, cluster, folder, tools, hostname, ips } = told;
  const cheap = { power, connection, template, hostRef, host, clusterRef, cluster, folder, tools, hostname, ips };
  return { ...stored, ...cheap, cpus: told.cpus || stored.cpus, memoryBytes: told.memoryBytes || stored.memoryBytes };
}
