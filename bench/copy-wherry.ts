/** Wherry's contestant in `script/bench copy`: SOURCE TARGET FORMAT [--verify]. Prints what it waited for. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChild } from '../src/process/child.ts';
import { copyDisk } from '../src/transfer/copy.ts';
import type { WritableDisk } from '../src/transfer/disk.ts';
import { openJournal } from '../src/transfer/journal.ts';
import { openVolume } from '../src/transfer/nbd/volume.ts';
import { verifyDisk } from '../src/transfer/verify.ts';

const [sourcePath = '', targetPath = '', format = 'raw', verify = ''] = process.argv.slice(2);
const signal = new AbortController().signal;
const directory = await mkdtemp(join(tmpdir(), 'wherry-bench-'));
const volume = (path: string, kind: 'raw' | 'qcow2', readOnly: boolean): Promise<WritableDisk> =>
  openVolume({ path, format: kind, readOnly, startsZeroed: true }, directory, signal);
try {
  const source = await volume(sourcePath, 'raw', true);
  const kind = format === 'qcow2' ? 'qcow2' : 'raw';
  await runChild('qemu-img', ['create', '-q', '-f', kind, targetPath, String(source.sizeBytes)]);
  const target = await volume(targetPath, kind, false);
  const header = { diskId: 'bench', sizeBytes: source.sizeBytes, identity: 'bench' };
  await using journal = await openJournal(join(directory, 'journal'), header);
  const result = await copyDisk({ diskId: 'bench', source, target, journal }, signal);
  await target.close();
  await source.close();
  if (verify === '--verify') {
    const open = (): Promise<WritableDisk> => volume(targetPath, kind, true);
    await verifyDisk({ diskId: 'bench', open, coverage: result.coverage }, signal);
  }
  process.stdout.write(`${JSON.stringify({ waited: result.waited, moved: result.bytesMoved })}\n`);
} finally {
  await rm(directory, { recursive: true, force: true });
}
