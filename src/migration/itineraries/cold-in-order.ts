import type { Itinerary } from '../itinerary.ts';

/**
 * Cold, from a disk that can only be read once from its beginning to its end (a gzip'd member of an OVA): a conversion,
 * which reads here and there, cannot have it beside the copy. So it is copied and verified first; the overlays of the
 * conversion lie on the target copy, and are applied to it when the conversion is complete.
 *
 *     preflight → create-disks ─┬→ copy → verify → convert → apply → create-vm → power-on → check-boot → finalize → clean-up
 *                               └→ check-manifest ──────────────────────↑
 */
export const coldInOrder: Itinerary = {
  name: 'cold-in-order',
  version: 1,
  pointOfNoReturn: 'finalize',
  steps: [
    { name: 'preflight', after: [] },
    { name: 'create-disks', after: ['preflight'] },
    { name: 'copy', after: ['create-disks'] },
    { name: 'check-manifest', after: ['create-disks'] },
    { name: 'verify', after: ['copy'] },
    { name: 'convert', after: ['verify'] },
    { name: 'apply', after: ['convert'] },
    { name: 'create-vm', after: ['apply', 'check-manifest'] },
    { name: 'power-on', after: ['create-vm'] },
    { name: 'check-boot', after: ['power-on'] },
    { name: 'finalize', after: ['check-boot'] },
    { name: 'clean-up', after: ['finalize'] },
  ],
};
