import type { Itinerary } from '../itinerary.ts';

/**
 * Cold, from a source that nothing runs from (files): there is no power to record, so those steps are not in it. Copying
 * and converting run side by side over the frozen source; only what the conversion changed is applied to the copy.
 *
 *     preflight → create-disks ─┬→ copy ───────────→ verify ─┬→ apply → create-vm → power-on → check-boot → finalize → clean-up
 *                               ├→ convert ──────────────────┤               ↑
 *                               └→ check-manifest ───────────┼───────────────┘
 *
 * A step that has nothing to do for this VM (no conversion, no manifest, power stays off) ends at once as skipped.
 */
export const cold: Itinerary = {
  name: 'cold',
  version: 1,
  pointOfNoReturn: 'finalize',
  steps: [
    { name: 'preflight', after: [] },
    { name: 'create-disks', after: ['preflight'] },
    { name: 'copy', after: ['create-disks'] },
    { name: 'convert', after: ['create-disks'] },
    { name: 'check-manifest', after: ['create-disks'] },
    { name: 'verify', after: ['copy'] },
    { name: 'apply', after: ['verify', 'convert'] },
    { name: 'create-vm', after: ['apply', 'check-manifest'] },
    { name: 'power-on', after: ['create-vm'] },
    { name: 'check-boot', after: ['power-on'] },
    { name: 'finalize', after: ['check-boot'] },
    { name: 'clean-up', after: ['finalize'] },
  ],
};
