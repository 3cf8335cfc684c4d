import type { StepName } from '../itinerary.ts';
import type { Step } from '../step.ts';
import { apply } from './apply.ts';
import { checkManifest } from './check-manifest.ts';
import { convert } from './convert.ts';
import { copy } from './copy.ts';
import { createDisks } from './create-disks.ts';
import { createVm } from './create-vm.ts';
import { cleanUp, finalize, undo } from './end.ts';
import { checkBoot, powerOn } from './power.ts';
import { preflight } from './preflight.ts';
import { verify } from './verify.ts';

/** The code of every step that an itinerary may name. */
export const steps: Readonly<Record<StepName, Step>> = {
  preflight,
  'create-disks': createDisks,
  copy,
  convert,
  'check-manifest': checkManifest,
  verify,
  apply,
  'create-vm': createVm,
  'power-on': powerOn,
  'check-boot': checkBoot,
  finalize,
  'clean-up': cleanUp,
  undo,
};
