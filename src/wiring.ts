/** Which provider serves which type: the one place that knows them all. */
import { probeAccelerator } from './conversion/accelerator.ts';
import { createFilesSource } from './providers/files/source.ts';
import { createFilesTarget } from './providers/files/target.ts';
import { createLibvirtTarget } from './providers/libvirt/target.ts';
import { createOvaSource } from './providers/ova/source.ts';
import type { Providers } from './providers/provider.ts';
import { createImageTools } from './transfer/images.ts';

export function createProviders(): Providers {
  const tools = createImageTools();
  // Where libvirt on this host writes its guests' consoles, when that is not /var/log/libvirt/qemu.
  const logDirectory = process.env['WHERRY_LIBVIRT_LOGS'];
  const logs = logDirectory === undefined ? {} : { logDirectory };
  return {
    openSource: async (spec, signal) => {
      switch (spec.type) {
        case 'ova':
          return createOvaSource(spec, tools, signal);
        case 'files':
          return createFilesSource(spec, tools, signal);
        default:
          return spec satisfies never;
      }
    },
    openTarget: async (spec) => {
      switch (spec.type) {
        case 'libvirt':
          return createLibvirtTarget(spec, tools, { accelerator: () => probeAccelerator(), ...logs });
        case 'files':
          return createFilesTarget(spec, tools);
        default:
          return spec satisfies never;
      }
    },
  };
}
