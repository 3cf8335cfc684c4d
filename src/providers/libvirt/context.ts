/** What all parts of the libvirt target share. */
import { join } from 'node:path';
import { WherryError } from '../../model/errors.ts';
import type { LibvirtTarget } from '../../model/spec.ts';
import type { ImageTools } from '../../transfer/disk.ts';
import type { Static } from 'typebox';
import { connectLibvirt, type LibvirtClient } from './client.ts';
import { LibvirtError } from './rpc/libvirt-error.ts';

export type LibvirtTargetSpec = Static<typeof LibvirtTarget>;

export type TargetContext = {
  readonly spec: LibvirtTargetSpec;
  readonly tools: ImageTools;
  readonly accelerator: () => Promise<'kvm' | 'tcg'>;
  /** Where libvirt keeps the guests' logs: its own about QEMU, and ours of the console. */
  readonly logDirectory: string;
  /** Connects at the first call, and again after the connection broke. */
  client(signal: AbortSignal): Promise<LibvirtClient>;
  disconnect(): void;
};

export function targetContext(
  spec: LibvirtTargetSpec,
  tools: ImageTools,
  options: { accelerator: () => Promise<'kvm' | 'tcg'>; logDirectory?: string },
): TargetContext {
  let current: Promise<LibvirtClient> | undefined;
  let probed: Promise<'kvm' | 'tcg'> | undefined;
  return {
    spec,
    tools,
    accelerator: () => (probed ??= options.accelerator()),
    logDirectory: options.logDirectory ?? usualLogDirectory(spec.uri),
    client: async (signal) => {
      const known = await current?.catch(() => undefined);
      if (known?.connected === true) return known;
      current = connectLibvirt(spec.uri, signal);
      return current;
    },
    disconnect: () => {
      void current?.then((client) => client.disconnect()).catch(() => undefined);
      current = undefined;
    },
  };
}

/** Says for which VM it was when libvirt refuses; other errors say it themselves. */
export async function doing<T>(action: string, vm: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof LibvirtError) throw new WherryError('libvirt.call_failed', { action, vm }, error);
    throw error;
  }
}

function usualLogDirectory(uri: string): string {
  if (!uri.startsWith('qemu:///session')) return '/var/log/libvirt/qemu';
  const cache = process.env['XDG_CACHE_HOME'] ?? join(process.env['HOME'] ?? '/', '.cache');
  return join(cache, 'libvirt/qemu/log');
}
