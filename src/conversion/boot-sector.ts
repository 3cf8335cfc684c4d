/**
 * The smallest guest that tells a KVM that works from one that only says so: a boot sector of our own that goes through
 * real and protected into long mode with paging, asks the CPU for its name and time, and then writes `exitValue` to
 * QEMU's debug exit port, which ends QEMU with code 2 * exitValue + 1.
 */
export const exitPort = 0x501;
const exitValue = 0x10;
export const exitCode = exitValue * 2 + 1;

const loadAddress = 0x7c00;

const realMode = [
  'fa fc', //                      cli; cld
  '31 c0 8e d8 8e c0 8e d0', //    ax = ds = es = ss = 0
  'bc 00 7c', //                   sp = 0x7c00
  'bf 00 10 b9 00 18 f3 ab', //    clear page tables at 0x1000, 0x2000, 0x3000
  'c7 06 00 10 03 20', //          top level → 0x2000
  'c7 06 00 20 03 30', //          second level → 0x3000
  'c7 06 00 30 83 00', //          one page of 2 MiB at address 0
  '66 b8 a0 00 00 00 0f 22 e0', // cr4 = PAE | PGE
  '66 ba 00 10 00 00 0f 22 da', // cr3 = 0x1000
  '66 b9 80 00 00 c0 0f 32 66 0d 00 01 00 00 0f 30', // EFER |= LME
  '0f 20 c3 66 81 cb 01 00 00 80 0f 22 c3', //          cr0 |= PG | PE
];
const longMode = [
  '31 c0 0f a2', //    cpuid
  '0f 31', //          rdtsc
  'ba 01 05 00 00', // dx = exitPort
  'b0 10 ee', //       out exitValue
  'f4 eb fd', //       hlt, for ever
];

/** 512 bytes, ready to be the first sector of a disk. */
export function bootSector(): Buffer {
  const start = bytes(realMode);
  const long = bytes(longMode);
  const longAt = loadAddress + start.length + 10;
  const tableAt = (longAt + long.length + 7) & ~7;
  const sector = Buffer.alloc(512);
  start.copy(sector, 0);
  let at = start.length;
  at = sector.writeUIntBE(0x0f0116, at, 3); // lgdt
  at = sector.writeUInt16LE(tableAt + 16, at);
  at = sector.writeUInt8(0xea, at); // far jump to 8:longAt
  at = sector.writeUInt16LE(longAt, at);
  at = sector.writeUInt16LE(8, at);
  long.copy(sector, at);
  const table = tableAt - loadAddress;
  sector.writeBigUInt64LE(0x0020_9a00_0000_0000n, table + 8); // 64-bit code
  sector.writeUInt16LE(15, table + 16);
  sector.writeUInt32LE(tableAt, table + 18);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

function bytes(lines: readonly string[]): Buffer {
  return Buffer.from(lines.join('').replaceAll(' ', ''), 'hex');
}
