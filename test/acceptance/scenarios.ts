import { badGuest } from './bad-guest.ts';
import { badInput } from './bad-input.ts';
import { asAUser } from './as-a-user.ts';
import { bandwidth } from './bandwidth.ts';
import { bottleneckNamed } from './bottleneck-named.ts';
import { compressed } from './compressed.ts';
import { faultyDisks } from './faulty-disks.ts';
import { gzipOva } from './gzip-ova.ts';
import { idleMemory } from './idle-memory.ts';
import { inventoryLibvirt } from './inventory-libvirt.ts';
import { inventorySecrets } from './inventory-secrets.ts';
import { inventoryVcsim } from './inventory-vcsim.ts';
import { killAnything, killSome } from './kill-anything.ts';
import { ovaToFiles } from './ova-to-files.ts';
import { ovaToLibvirt } from './ova-to-libvirt.ts';
import { overlappedConversion } from './overlapped-conversion.ts';
import { resumeInDisk } from './resume-in-disk.ts';
import { serverAway } from './server-away.ts';
import { verifiedCopy } from './verified-copy.ts';
import type { Scenario } from './scenario.ts';

/** All scenarios, in the order in which they run: long ones first, so that lanes end together; what measures rates last. */
export const scenarios: readonly Scenario[] = [
  ovaToLibvirt,
  ovaToFiles,
  asAUser,
  badInput,
  badGuest,
  idleMemory,
  verifiedCopy,
  inventorySecrets,
  killSome,
  faultyDisks,
  inventoryLibvirt,
  compressed,
  inventoryVcsim,
  bandwidth,
  gzipOva,
  bottleneckNamed,
  killAnything,
  resumeInDisk,
  overlappedConversion,
  serverAway,
];
