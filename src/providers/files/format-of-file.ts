import { WherryError } from '../../model/errors.ts';
import type { VmDisk } from '../../model/vm.ts';
import type { LocalFile } from '../local/local-file.ts';

export type FileFormat = { readonly format: VmDisk['format']; readonly gzip: boolean };

/**
 * The format of a bare image by its own first bytes. The inspector checks the whole afterwards; this only decides what to
 * ask it for, and refuses a name that says otherwise: a guest can write the header of a qcow2 file to the start of its own
 * raw disk, to have it opened as one. A compressed file must have the format in its name (`disk.vmdk.gz`).
 * @throws source.format_contradicts, source.*
 */
export async function formatOfFile(file: LocalFile): Promise<FileFormat> {
  const head = await file.read(0, Math.min(file.sizeBytes, 512));
  const [, named = '', compressed] = /\.([a-z0-9]+)(\.gz)?$/.exec(file.path.toLowerCase()) ?? [];
  const declared = byExtension.get(named) ?? null;
  if (compressed !== undefined && head[0] === 0x1f && head[1] === 0x8b) {
    return { format: declared ?? 'raw', gzip: true };
  }
  const found = formatByContent(head);
  // A fixed VHD is raw content with a footer; without the name it cannot be told from a raw disk that ends like one.
  if (found === 'raw' && declared === 'vhd') return { format: 'vhd', gzip: false };
  if (declared !== null && declared !== found && named !== 'img') {
    throw new WherryError('source.format_contradicts', { path: file.path, extension: named, format: found });
  }
  return { format: found, gzip: false };
}

export function formatByContent(head: Buffer): VmDisk['format'] {
  const magic = head.toString('latin1', 0, 8);
  if (magic.startsWith('QFI\xfb')) return 'qcow2';
  if (magic.startsWith('KDMV') || magic.startsWith('COWD')) return 'vmdk';
  if (/^(\xef\xbb\xbf)?\s*#\s*disk descriptorfile/i.test(head.toString('latin1'))) return 'vmdk';
  if (magic === 'vhdxfile') return 'vhdx';
  return magic === 'conectix' ? 'vhd' : 'raw';
}

/** `.img` says nothing: raw and qcow2 are both called that. */
const byExtension: ReadonlyMap<string, VmDisk['format']> = new Map([
  ['raw', 'raw'],
  ['qcow2', 'qcow2'],
  ['vmdk', 'vmdk'],
  ['vhd', 'vhd'],
  ['vpc', 'vhd'],
  ['vhdx', 'vhdx'],
]);
