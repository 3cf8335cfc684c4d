/**
 * Wherry's side of the benches, a process like the peers' are: SOURCE TARGET [--format raw|qcow2] [--verify] [--no-digest]
 * [--journal FILE]: goes on where an earlier one that was killed has come to.
 * SOURCE: a file (.vmdk or raw), or nbd://HOST:PORT. Journal and digests as in a migration; what it waited for is printed.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runChild } from '../src/process/child.ts';
import { copyDisk } from '../src/transfer/copy.ts';
import { chunkCount, digestBytes } from '../src/transfer/digest.ts';
import type { Disk, WritableDisk } from '../src/transfer/disk.ts';
import { follow, rest } from '../src/transfer/follow.ts';
import { createImageTools } from '../src/transfer/images.ts';
import { openJournal } from '../src/transfer/journal.ts';
import { connectNbd } from '../src/transfer/nbd/client.ts';
import { verifyDisk } from '../src/transfer/verify.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    format: { type: 'string', default: 'raw' },
    verify: { type: 'boolean', default: false },
    'no-digest': { type: 'boolean', default: false },
    journal: { type: 'string' },
  },
});
const [sourcePath = '', targetPath = ''] = positionals;
const format = values.format === 'qcow2' ? 'qcow2' : 'raw';
const { signal } = new AbortController();
const directory = await mkdtemp(join(tmpdir(), 'wherry-bench-'));
const tools = createImageTools();

async function openSource(): Promise<Disk> {
  if (sourcePath.startsWith('nbd://')) {
    const { hostname, port } = new URL(sourcePath);
    return connectNbd({ host: hostname, port: Number(port) }, signal);
  }
  const { size } = await stat(sourcePath);
  const place = { path: sourcePath, offset: 0, lengthBytes: size, gzip: false, sibling: () => null };
  const kind = sourcePath.endsWith('.vmdk') ? 'vmdk' : 'raw';
  return tools.openStored({ ...place, format: kind, vm: 'bench', disk: 'bench' }, directory, signal);
}
const openTarget = (readOnly: boolean): Promise<WritableDisk> =>
  tools.openVolume({ path: targetPath, format, readOnly, startsZeroed: true }, directory, signal);

try {
  const source = await openSource();
  const goesOn = values.journal !== undefined && existsSync(values.journal);
  if (!goesOn) await runChild('qemu-img', ['create', '-q', '-f', format, targetPath, String(source.sizeBytes)]);
  const target = await openTarget(false);
  const header = { diskId: 'bench', sizeBytes: source.sizeBytes, identity: 'bench' };
  await using journal = await openJournal(values.journal ?? join(directory, 'journal'), header);
  const digester = {
    digest: () => Promise.resolve(Buffer.alloc(digestBytes)),
    [Symbol.dispose]: () => undefined,
  };
  const follower = values.verify ? follow('bench', target, journal.coverage, signal) : null;
  const result = await copyDisk(
    {
      diskId: 'bench',
      source,
      target,
      journal,
      onChunk: (chunks) => follower?.done(chunks),
      ...(values['no-digest'] ? { digester } : {}),
    },
    signal,
  );
  follower?.end();
  const proved = (await follower?.proved()) ?? [];
  await target.close();
  await source.close();
  if (values.verify) {
    const feed = rest(chunkCount(source.sizeBytes), proved);
    await verifyDisk({ diskId: 'bench', open: () => openTarget(true), coverage: journal.coverage, feed }, signal);
  }
  const { waited, bytesMoved } = result;
  process.stdout.write(`${JSON.stringify({ waited, bytesMoved, chunksFollowed: proved.length })}\n`);
} finally {
  await rm(directory, { recursive: true, force: true });
}
