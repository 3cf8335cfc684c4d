import type { Itinerary } from '../itinerary.ts';

/**
 * To a target that takes each disk as one stream, from its beginning to its end: nothing could be applied to it afterwards.
 * So the guest is converted first, and what is copied then is the source with the conversion's changes over it. A copy that
 * is cut off begins again from zero.
 *
 *     preflight → create-disks ─┬→ convert → copy → verify ─┬→ create-vm → power-on → check-boot → finalize → clean-up
 *                               └→ check-manifest ──────────┘
 */
export const convertFirst: Itinerary = {
  name: 'convert-first',
  version: 1,
  pointOfNoReturn: 'finalize',
  steps: [
    { name: 'preflight', after: [] },
    { name: 'create-disks', after: ['preflight'] },
    { name: 'convert', after: ['create-disks'] },
    { name: 'check-manifest', after: ['create-disks'] },
    { name: 'copy', after: ['convert'] },
    { name: 'verify', after: ['copy'] },
    { name: 'create-vm', after: ['verify', 'check-manifest'] },
    { name: 'power-on', after: ['create-vm'] },
    { name: 'check-boot', after: ['power-on'] },
    { name: 'finalize', after: ['check-boot'] },
    { name: 'clean-up', after: ['finalize'] },
  ],
};
