/** A disk as a streamOptimized VMDK (Virtual Disk Format 5.0), grain by grain: compressed grains, tables, directory, footer. */
import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import { blockBytes, type Layer } from './layer.ts';

const sector = 512;
const grainsPerTable = 512;
const grainSectors = blockBytes / sector;
const compress = promisify(deflate);

export async function* streamVmdk(layer: Layer, name: string): AsyncGenerator<Buffer> {
  const grains = Math.ceil(layer.sizeBytes / blockBytes);
  const tables = Math.ceil(grains / grainsPerTable);
  const directory = Buffer.alloc(tables * 4);
  let at = 0;
  const place = (part: Buffer): number => {
    const before = at / sector;
    at += part.length;
    return before;
  };
  const front = Buffer.alloc(blockBytes);
  headerOf(layer.sizeBytes, 2n ** 64n - 1n).copy(front);
  front.write(descriptor(layer.sizeBytes, name), sector);
  place(front);
  yield front;
  let entries = Buffer.alloc(grainsPerTable * 4);
  let tableOf = -1;
  const finish = function* (): Generator<Buffer> {
    const mark = markerOf(entries.length / sector, 1);
    place(mark);
    directory.writeUInt32LE(place(entries), tableOf * 4);
    yield Buffer.concat([mark, entries]);
  };
  for (const grain of layer.allocated()) {
    const content = Buffer.alloc(blockBytes);
    const start = grain * blockBytes;
    (await layer.read(start, Math.min(blockBytes, layer.sizeBytes - start))).copy(content);
    if (content.every((byte) => byte === 0)) continue;
    const table = Math.floor(grain / grainsPerTable);
    if (table !== tableOf) {
      if (tableOf >= 0) yield* finish();
      entries = Buffer.alloc(grainsPerTable * 4);
      tableOf = table;
    }
    const deflated = await compress(content, { level: 1 });
    const head = Buffer.alloc(12);
    head.writeBigUInt64LE(BigInt(grain * grainSectors), 0);
    head.writeUInt32LE(deflated.length, 8);
    const part = padded(Buffer.concat([head, deflated]));
    entries.writeUInt32LE(place(part), (grain % grainsPerTable) * 4);
    yield part;
  }
  if (tableOf >= 0) yield* finish();
  const whole = padded(directory);
  const directoryMark = markerOf(whole.length / sector, 2);
  place(directoryMark);
  const directoryAt = place(whole);
  yield Buffer.concat([
    directoryMark,
    whole,
    markerOf(1, 3),
    headerOf(layer.sizeBytes, BigInt(directoryAt)),
    markerOf(0, 0),
  ]);
}

function headerOf(sizeBytes: number, directoryAt: bigint): Buffer {
  const header = Buffer.alloc(sector);
  header.write('KDMV', 0, 'latin1');
  header.writeUInt32LE(3, 4); // version
  header.writeUInt32LE(0x30001, 8); // new lines are tested, grains are compressed, there are markers
  header.writeBigUInt64LE(BigInt(Math.ceil(sizeBytes / sector)), 12);
  header.writeBigUInt64LE(BigInt(grainSectors), 20);
  header.writeBigUInt64LE(1n, 28); // descriptor at sector 1
  header.writeBigUInt64LE(20n, 36); // and its length
  header.writeUInt32LE(grainsPerTable, 44);
  header.writeBigUInt64LE(directoryAt, 56);
  header.writeBigUInt64LE(BigInt(blockBytes / sector), 64); // overhead
  header.write('\n \r\n', 73, 'latin1');
  header.writeUInt16LE(1, 77); // deflate
  return header;
}

const descriptor = (sizeBytes: number, name: string): string =>
  `# Disk DescriptorFile\nversion=1\nCID=7e5b80a7\nparentCID=ffffffff\ncreateType="streamOptimized"\n\n` +
  `# Extent description\nRDONLY ${Math.ceil(sizeBytes / sector)} SPARSE "${name}"\n\nddb.adapterType = "lsilogic"\n`;

function markerOf(length: number, type: number): Buffer {
  const marker = Buffer.alloc(sector);
  marker.writeBigUInt64LE(BigInt(length), 0);
  marker.writeUInt32LE(type, 12);
  return marker;
}

function padded(part: Buffer): Buffer {
  const whole = Buffer.alloc(Math.ceil(part.length / sector) * sector);
  part.copy(whole);
  return whole;
}
