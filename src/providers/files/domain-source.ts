/**
 * A libvirt domain's XML with its disks beside it, as somebody copied them from a host, or as `--to files` leaves them. The
 * paths in the XML are those of another machine: only their last part counts, and only files of the same directory.
 */
import { basename, dirname } from 'node:path';
import { WherryError } from '../../model/errors.ts';
import type { SourceSpec } from '../../model/spec.ts';
import type { Vm } from '../../model/vm.ts';
import type { ImageTools, StoredImage } from '../../transfer/disk.ts';
import { type DomainDisk, type DomainVm, readDomain } from '../domain/read-domain.ts';
import { parseXml } from '../domain/xml.ts';
import { identityOfImage } from '../local/image-identity.ts';
import { openLocalFile } from '../local/local-file.ts';
import type { Source } from '../provider.ts';
import { siblingFile } from './sibling.ts';

export type DomainSpec = Extract<SourceSpec, { type: 'domain' }>;

const maxXmlBytes = 4 * 1024 * 1024;

/** @throws source.*, domain.bad_xml, domain.disk_missing */
export async function createDomainSource(
  spec: DomainSpec,
  tools: ImageTools,
  signal: AbortSignal,
): Promise<Source & AsyncDisposable> {
  const { path } = spec;
  const { vm: domain, disks } = await readFileOfDomain(path, signal);
  const find = (vmId: string | null): void => {
    if (vmId === null || vmId === domain.id || vmId === domain.name) return;
    throw new WherryError('source.vm_not_found', { vm: vmId, path, names: domain.name });
  };
  const stored = (disk: DomainDisk): StoredImage => storedImage(path, domain.name, disk);
  return {
    list: async () => [
      {
        id: domain.id,
        name: domain.name,
        cpus: domain.cpus,
        memoryBytes: domain.memoryBytes,
        diskCount: disks.length,
      },
    ],
    describe: async (vmId, during): Promise<Vm> => {
      find(vmId);
      const described: Vm['disks'] = [];
      for (const disk of disks) {
        const image = stored(disk);
        const { virtualSizeBytes } = await tools.inspect(image, during);
        const { file: _file, ...rest } = disk;
        described.push({ ...rest, sizeBytes: virtualSizeBytes, storedBytes: image.lengthBytes, access: 'random' });
      }
      return { ...domain, disks: described };
    },
    identity: async (vm, during) => {
      find(vm.id);
      const entries = disks.map(async (disk) => [disk.id, await identityOfImage(stored(disk), tools, during)]);
      return Object.fromEntries(await Promise.all(entries));
    },
    openDisk: async (vm, diskId, directory, during) => {
      find(vm.id);
      const disk = disks.find(({ id }) => id === diskId);
      if (disk === undefined) throw new WherryError('source.disk_not_found', { vm: domain.name, disk: diskId, path });
      return tools.openStored(stored(disk), directory, during);
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** The files beside the XML that its disks are in, by name. @throws as `createDomainSource` */
export async function filesOfDomain(path: string, signal: AbortSignal): Promise<string[]> {
  const { disks } = await readFileOfDomain(path, signal);
  return disks.map(({ file }) => basename(file));
}

async function readFileOfDomain(path: string, signal: AbortSignal): Promise<DomainVm> {
  signal.throwIfAborted();
  await using file = await openLocalFile(path);
  const bad = (problem: string, cause?: unknown): WherryError =>
    new WherryError('domain.bad_xml', { path, problem }, cause);
  if (file.sizeBytes > maxXmlBytes) throw bad(`it is longer than ${maxXmlBytes} bytes`);
  const text = (await file.read(0, file.sizeBytes)).toString('utf8');
  try {
    return readDomain(parseXml(text));
  } catch (error) {
    throw bad(error instanceof Error ? error.message : String(error), error);
  }
}

function storedImage(path: string, vm: string, disk: DomainDisk): StoredImage {
  const directory = dirname(path);
  const name = basename(disk.file);
  const found = siblingFile(directory, name);
  if (found === null) throw new WherryError('domain.disk_missing', { vm, disk: disk.name, file: name, path });
  const sibling = (other: string): ReturnType<typeof siblingFile> => siblingFile(directory, other);
  return { ...found, format: disk.format, gzip: false, vm, disk: disk.name, sibling };
}
