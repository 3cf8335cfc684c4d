/**
 * Which provider serves which type: the one place that knows them all. Each is loaded when it is asked for: a process that
 * watches one, or lists one file, has no use for the others.
 */
import type { ProviderType } from './model/provider.ts';
import type { OpenImages } from './providers/ova/web-source.ts';
import type { StoreReaders } from './providers/ova/connection.ts';
import type { CheckResult, Connection, ConnectOptions, Providers } from './providers/provider.ts';
import type { ImageTools } from './transfer/disk.ts';

export function createProviders(): Providers {
  return {
    check: async (options, signal) => (await connector(options.account.type)).check(options, signal),
    connect: async (options, signal) => (await connector(options.account.type)).connect(options, signal),
    openSource,
    openTarget,
  };
}

const openTarget: Providers['openTarget'] = async (spec) => {
  switch (spec.type) {
    case 'libvirt': {
      const [{ createLibvirtTarget }, { probeAccelerator }, tools] = await Promise.all([
        import('./providers/libvirt/target.ts'),
        import('./conversion/accelerator.ts'),
        imageTools(),
      ]);
      // Where libvirt on this host writes its guests' consoles, when that is not /var/log/libvirt/qemu.
      const logDirectory = process.env['WHERRY_LIBVIRT_LOGS'];
      const logs = logDirectory === undefined ? {} : { logDirectory };
      return createLibvirtTarget(spec, tools, { accelerator: () => probeAccelerator(), ...logs });
    }
    case 'files': {
      const { createCompressedTarget, createFilesTarget } = await import('./providers/files/target.ts');
      if (spec.compressed !== true) return createFilesTarget(spec, await imageTools());
      return createCompressedTarget(spec, (await import('./transfer/gzip-file.ts')).gzipTools);
    }
    default:
      return spec satisfies never;
  }
};

const openImages: OpenImages = async ({ url, fileName }, open, signal) => {
  const { createFilesSource } = await import('./providers/files/source.ts');
  const bare = fileName.replace(/\.gz$/i, '').replace(/\.[A-Za-z0-9]+$/, '');
  return createFilesSource(
    { type: 'files', paths: [url], ...(bare === '' ? {} : { name: bare }) },
    await imageTools(),
    signal,
    open,
  );
};

const openSource: Providers['openSource'] = async (spec, signal, access = null) => {
  const tools = await imageTools();
  switch (spec.type) {
    case 'ova':
      return (await import('./providers/ova/source.ts')).createOvaSource(spec, tools, signal);
    case 'files':
      return (await import('./providers/files/source.ts')).createFilesSource(spec, tools, signal);
    case 'domain':
      return (await import('./providers/files/domain-source.ts')).createDomainSource(spec, tools, signal);
    case 'web': {
      const { createWebSource } = await import('./providers/ova/web-source.ts');
      return createWebSource(spec, access, { tools, openImages }, signal);
    }
    default:
      return spec satisfies never;
  }
};

async function imageTools(): Promise<ImageTools> {
  return (await import('./transfer/images.ts')).createImageTools();
}

type Connector = {
  check(options: ConnectOptions, signal: AbortSignal): Promise<CheckResult>;
  connect(options: ConnectOptions, signal: AbortSignal): Promise<Connection>;
};

async function connector(type: ProviderType): Promise<Connector> {
  switch (type) {
    case 'vsphere': {
      const { checkVsphere, connectVsphere } = await import('./providers/vsphere/connection.ts');
      return { check: checkVsphere, connect: connectVsphere };
    }
    case 'libvirt': {
      const { checkLibvirt, connectLibvirt } = await import('./providers/libvirt/connection.ts');
      return { check: checkLibvirt, connect: connectLibvirt };
    }
    case 'ova': {
      const [{ checkOvaStore, connectOvaStore }, readers] = await Promise.all([
        import('./providers/ova/connection.ts'),
        storeReaders(),
      ]);
      return {
        check: (options, signal) => checkOvaStore(readers, options, signal),
        connect: (options, signal) => connectOvaStore(readers, options, signal),
      };
    }
    default:
      return type satisfies never;
  }
}

async function storeReaders(): Promise<StoreReaders> {
  const [{ filesOfDomain }, { openWebAt }, tools] = await Promise.all([
    import('./providers/files/domain-source.ts'),
    import('./providers/ova/web-source.ts'),
    imageTools(),
  ]);
  const openWeb: StoreReaders['openWeb'] = (server, address, signal) =>
    openWebAt(server, address, { tools, openImages }, signal);
  return { tools, openSource, openWeb, filesOfDomain };
}
