import type { Firmware } from '../../model/vm.ts';
import type { Disk } from '../../transfer/disk.ts';

/** An EFI system partition, in the byte order of a GPT entry (C12A7328-F81F-11D2-BA4B-00A0C93EC93B). */
const efiSystem = Buffer.from('28732ac11ff8d211ba4b00a0c93ec93b', 'hex');
const maxEntries = 1024;

/**
 * The firmware that a disk was made for, where nobody says: EFI when it has a GPT with an EFI system partition, else BIOS.
 * Reads at most 256 KiB. Whether secure boot was on cannot be seen from a disk.
 */
export async function firmwareOfDisk(disk: Disk, signal: AbortSignal): Promise<Firmware> {
  for (const sectorBytes of [512, 4096]) {
    if (await hasEfiSystemPartition(disk, sectorBytes, signal)) return { type: 'efi', secureBoot: false };
  }
  return { type: 'bios', secureBoot: false };
}

async function hasEfiSystemPartition(disk: Disk, sectorBytes: number, signal: AbortSignal): Promise<boolean> {
  if (disk.access === 'sequential' || disk.sizeBytes < sectorBytes * 3) return false;
  const header = await disk.read(sectorBytes, 512, signal);
  if (header.toString('latin1', 0, 8) !== 'EFI PART') return false;
  const entriesAt = Number(header.readBigUInt64LE(72)) * sectorBytes;
  const count = Math.min(header.readUInt32LE(80), maxEntries);
  const entryBytes = header.readUInt32LE(84);
  if (entryBytes < 128 || entryBytes > 256 || entriesAt < sectorBytes * 2) return false;
  const length = Math.min(count * entryBytes, disk.sizeBytes - entriesAt);
  if (length <= 0) return false;
  const entries = await disk.read(entriesAt, length, signal);
  for (let at = 0; at + 128 <= entries.length; at += entryBytes) {
    if (entries.subarray(at, at + 16).equals(efiSystem)) return true;
  }
  return false;
}
