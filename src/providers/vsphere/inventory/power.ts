import type { PowerState } from '../../../model/inventory.ts';

/** Of VMs and hosts. What vSphere does not know, or calls otherwise (standBy), is not guessed. */
export function powerOf(state: string | undefined): PowerState {
  if (state === 'poweredOn') return 'on';
  if (state === 'poweredOff') return 'off';
  return state === 'suspended' ? 'suspended' : 'unknown';
}
