import { badGuest } from './bad-guest.ts';
import { badInput } from './bad-input.ts';
import { ovaToFiles } from './ova-to-files.ts';
import { ovaToLibvirt } from './ova-to-libvirt.ts';
import type { Scenario } from './scenario.ts';

/** All scenarios, in the order in which they run. */
export const scenarios: readonly Scenario[] = [ovaToLibvirt, ovaToFiles, badInput, badGuest];
