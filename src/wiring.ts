/** Which provider serves which type: the one place that knows them all. */
import { probeAccelerator } from './conversion/accelerator.ts';
import { createDomainSource, filesOfDomain } from './providers/files/domain-source.ts';
import { createFilesSource } from './providers/files/source.ts';
import { createCompressedTarget, createFilesTarget } from './providers/files/target.ts';
import { createLibvirtTarget } from './providers/libvirt/target.ts';
import { createOvaSource } from './providers/ova/source.ts';
import { createWebSource, type OpenImages, openWebAt } from './providers/ova/web-source.ts';
import type { CheckResult, Connection, ConnectOptions, Providers } from './providers/provider.ts';
import type { ProviderType } from './model/provider.ts';
import { checkLibvirt, connectLibvirt } from './providers/libvirt/connection.ts';
import { checkOvaStore, connectOvaStore, type StoreReaders } from './providers/ova/connection.ts';
import { checkVsphere, connectVsphere } from './providers/vsphere/connection.ts';
import { gzipTools } from './transfer/gzip-file.ts';
import { createImageTools } from './transfer/images.ts';

const tools = createImageTools();

export function createProviders(): Providers {
  // Where libvirt on this host writes its guests' consoles, when that is not /var/log/libvirt/qemu.
  const logDirectory = process.env['WHERRY_LIBVIRT_LOGS'];
  const logs = logDirectory === undefined ? {} : { logDirectory };
  return {
    check: async (options, signal) => connections[options.account.type].check(options, signal),
    connect: async (options, signal) => connections[options.account.type].connect(options, signal),
    openSource,
    openTarget: async (spec) => {
      switch (spec.type) {
        case 'libvirt':
          return createLibvirtTarget(spec, tools, { accelerator: () => probeAccelerator(), ...logs });
        case 'files':
          return spec.compressed === true ? createCompressedTarget(spec, gzipTools) : createFilesTarget(spec, tools);
        default:
          return spec satisfies never;
      }
    },
  };
}

const openImages: OpenImages = async ({ url, fileName }, open, signal) => {
  const bare = fileName.replace(/\.gz$/i, '').replace(/\.[A-Za-z0-9]+$/, '');
  return createFilesSource(
    { type: 'files', paths: [url], ...(bare === '' ? {} : { name: bare }) },
    tools,
    signal,
    open,
  );
};

const openSource: Providers['openSource'] = async (spec, signal, access = null) => {
  switch (spec.type) {
    case 'ova':
      return createOvaSource(spec, tools, signal);
    case 'files':
      return createFilesSource(spec, tools, signal);
    case 'domain':
      return createDomainSource(spec, tools, signal);
    case 'web':
      return createWebSource(spec, access, { tools, openImages }, signal);
    default:
      return spec satisfies never;
  }
};
const openWeb: StoreReaders['openWeb'] = (server, address, signal) =>
  openWebAt(server, address, { tools, openImages }, signal);
const storeReaders: StoreReaders = { tools, openSource, openWeb, filesOfDomain };

const connections: Record<
  ProviderType,
  {
    check(options: ConnectOptions, signal: AbortSignal): Promise<CheckResult>;
    connect(options: ConnectOptions, signal: AbortSignal): Promise<Connection>;
  }
> = {
  vsphere: { check: checkVsphere, connect: connectVsphere },
  libvirt: { check: checkLibvirt, connect: connectLibvirt },
  ova: {
    check: (options, signal) => checkOvaStore(storeReaders, options, signal),
    connect: (options, signal) => connectOvaStore(storeReaders, options, signal),
  },
};
