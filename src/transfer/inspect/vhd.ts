import { maxVirtualBytes, sectorBytes } from './bounds.ts';
import { type Bytes, u64be } from './bytes.ts';
import { findMagic, foundNames } from './magic.ts';
import { type Owner, refuse, shown } from './refuse.ts';

export type VhdFooter = {
  readonly kind: 'fixed' | 'dynamic' | 'differencing' | 'other';
  readonly type: number;
  readonly currentSizeBytes: number;
  /** Of the dynamic header; meaningless for a fixed disk. */
  readonly dataOffset: number;
};

export type VhdFacts = { readonly kind: 'fixed' | 'dynamic'; readonly sizeBytes: number };

const maxBlockBytes = 256 * 1024 * 1024;

/**
 * "Virtual Hard Disk Image Format Specification" 1.0: a footer in the last sector, and for a dynamic disk a copy of it in the
 * first, then a header with the place of the block table.
 */
export async function inspectVhd(bytes: Bytes, owner: Owner, signal: AbortSignal): Promise<VhdFacts> {
  const found = await findMagic(bytes, signal);
  const footer = await readVhdFooter(bytes, signal);
  if (footer === null) {
    if (found === 'vhd') throw refuse(owner, 'image.truncated', { detail: 'the footer in its last sector is missing' });
    throw refuse(owner, 'image.format_mismatch', { declared: 'vhd', found: foundNames[found] });
  }
  if (footer.kind === 'differencing') {
    const name = await parentName(bytes, footer, signal);
    throw refuse(owner, 'image.backing_file', { reference: name });
  }
  if (footer.kind === 'other') throw refuse(owner, 'image.unsupported', { detail: `VHD of type ${footer.type}` });
  const size = footer.currentSizeBytes;
  if (size === 0 || size % sectorBytes !== 0 || size > maxVirtualBytes) {
    throw refuse(owner, 'image.absurd_size', { detail: `a VHD of ${size} bytes` });
  }
  if (footer.kind === 'fixed') {
    // Its first sector is the guest's, but a header of another container there would be an image in two formats at once.
    if (found !== 'unknown') {
      throw refuse(owner, 'image.format_mismatch', { declared: 'vhd', found: foundNames[found] });
    }
    if (size !== bytes.lengthBytes - sectorBytes) {
      throw refuse(owner, 'image.truncated', {
        detail: `a fixed VHD of ${size} bytes is stored in ${bytes.lengthBytes - sectorBytes} bytes`,
      });
    }
    return { kind: 'fixed', sizeBytes: size };
  }
  await checkDynamic(bytes, footer, owner, signal);
  return { kind: 'dynamic', sizeBytes: size };
}

async function checkDynamic(bytes: Bytes, footer: VhdFooter, owner: Owner, signal: AbortSignal): Promise<void> {
  const head = await bytes.read(0, sectorBytes, signal);
  const copy = parseVhdFooter(head);
  // QEMU reads the first one, others the last: they must not tell two stories.
  if (copy?.kind !== 'dynamic' || copy.currentSizeBytes !== footer.currentSizeBytes) {
    throw refuse(owner, 'image.corrupt', { detail: 'its two VHD footers differ' });
  }
  if (copy.dataOffset !== footer.dataOffset) {
    throw refuse(owner, 'image.corrupt', { detail: 'its two VHD footers differ in the place of the header' });
  }
  const header = await bytes.read(footer.dataOffset, 1024, signal);
  if (header.toString('latin1', 0, 8) !== 'cxsparse' || !checksumFits(header, 36)) {
    throw refuse(owner, 'image.corrupt', { detail: 'its VHD header is not valid' });
  }
  const tableOffset = u64be(header, 16);
  const entries = header.readUInt32BE(28);
  const blockBytes = header.readUInt32BE(32);
  const powerOfTwo = blockBytes !== 0 && (blockBytes & (blockBytes - 1)) === 0;
  if (!powerOfTwo || blockBytes < sectorBytes || blockBytes > maxBlockBytes) {
    throw refuse(owner, 'image.absurd_size', { detail: `VHD blocks of ${blockBytes} bytes` });
  }
  if (entries * blockBytes < footer.currentSizeBytes) {
    throw refuse(owner, 'image.corrupt', { detail: 'its VHD block table is too small for the disk' });
  }
  if (entries > Math.ceil(footer.currentSizeBytes / blockBytes) + 1024 * 1024) {
    throw refuse(owner, 'image.absurd_size', { detail: `a VHD block table of ${entries} entries` });
  }
  if (tableOffset + entries * 4 > bytes.lengthBytes) {
    throw refuse(owner, 'image.truncated', { detail: 'its VHD block table lies past its end' });
  }
  if (header.readUInt16BE(64) !== 0 || header.subarray(576, 768).some((byte) => byte !== 0)) {
    throw refuse(owner, 'image.backing_file', { reference: unicodeName(header) });
  }
}

async function parentName(bytes: Bytes, footer: VhdFooter, signal: AbortSignal): Promise<string> {
  if (footer.dataOffset + 1024 > bytes.lengthBytes) return 'its name is not readable';
  return unicodeName(await bytes.read(footer.dataOffset, 1024, signal));
}

function unicodeName(header: Buffer): string {
  const name = Buffer.from(header.subarray(64, 576)).swap16().toString('utf16le').split('\0')[0] ?? '';
  return name === '' ? 'without a name' : shown(name);
}

/** The last sector, when it is a valid footer. */
export async function readVhdFooter(bytes: Bytes, signal: AbortSignal): Promise<VhdFooter | null> {
  if (bytes.lengthBytes < 2 * sectorBytes) return null;
  return parseVhdFooter(await bytes.read(bytes.lengthBytes - sectorBytes, sectorBytes, signal));
}

function parseVhdFooter(sector: Buffer): VhdFooter | null {
  if (sector.toString('latin1', 0, 8) !== 'conectix' || !checksumFits(sector, 64)) return null;
  const type = sector.readUInt32BE(60);
  const kind = type === 2 ? 'fixed' : type === 3 ? 'dynamic' : type === 4 ? 'differencing' : 'other';
  return { kind, type, currentSizeBytes: u64be(sector, 48), dataOffset: u64be(sector, 16) };
}

/** The checksum is the complement of the sum of all bytes but its own four. */
function checksumFits(block: Buffer, at: number): boolean {
  let sum = 0;
  for (const [index, byte] of block.entries()) {
    if (index < at || index >= at + 4) sum += byte;
  }
  return ~sum >>> 0 === block.readUInt32BE(at);
}
