/** The disks of a finished migration, proved by `wherry verify` as a user runs it: with the server, and without it. */
import { copyFile, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runChild, startChild } from '../../src/process/child.ts';
import type { VmMigrationDetail } from '../../src/migration/api.ts';
import { manifestsOf } from './checks.ts';
import { type Product, wherry } from './product.ts';
import type { Report } from './scenario.ts';

/** @param disks of the target, in order, as qcow2 */
export async function checkOffline(
  report: Report,
  product: Product,
  detail: VmMigrationDetail,
  disks: readonly string[],
): Promise<void> {
  const run = (...args: string[]): Promise<{ code: number; out: string }> => runWherry(product, args);
  const online = await run('verify', '--migration', detail.migrationId, '--home', product.home);
  report.check('wherry verify --migration: every disk is right, byte for byte', online.code === 0, online.out);

  const manifests = await manifestsOf(product, detail);
  const converted = manifests[0]?.sources?.size ?? 0;
  report.check('the manifest has what the conversion changed, beside the source’s digests', converted > 0);
  report.check(
    'it lists where that was, says that it is final, and knows every chunk',
    manifests.every(({ about, coverage }) => about?.final === true && coverage.complete) &&
      (manifests[0]?.applied.length ?? 0) > 0,
  );
  const manifest = join(product.scratch, 'web.manifest');
  const printed = await run('manifest', detail.id, '--home', product.home);
  await writeFile(manifest, `${printed.out}\n`);
  const ids = manifests.map(({ disk }) => disk);
  const asked = (paths: readonly string[]): string[] => paths.flatMap((path, at) => ['--disk', `${ids[at]}=${path}`]);
  const offline = await run('verify', manifest, ...asked(disks));
  report.check('with the manifest alone they are right too', offline.code === 0, offline.out);

  const changed = join(product.scratch, 'changed.qcow2');
  await copyFile(disks[0] ?? '', changed);
  await writeInto(changed, 1_048_576);
  const differs = await run('verify', manifest, '--disk', `${ids[0]}=${changed}`);
  const names = differs.out.includes('67108864 bytes at offset 0: SHA-256 is');
  report.check(
    '(control) one changed sector: exit code 5, and the offset is named',
    differs.code === 5 && names,
    differs.out,
  );
  const lines = (await readFile(manifest, 'utf8')).split('\n');
  await writeFile(manifest, lines.toSpliced(1, 1).join('\n'));
  const cut = await run('verify', manifest, ...asked(disks));
  report.check(
    'a manifest that lacks a line is refused',
    cut.code === 1 && cut.out.includes('manifest_invalid'),
    cut.out,
  );
}

async function writeInto(path: string, offset: number): Promise<void> {
  await runChild('qemu-io', ['-f', 'qcow2', '-c', `write -P 0x5a ${offset} 512`, path]);
  await using file = await open(path);
  await file.sync();
}

async function runWherry(product: Product, args: readonly string[]): Promise<{ code: number; out: string }> {
  const lines: string[] = [];
  const env = { WHERRY_HOME: product.home };
  const child = await startChild(wherry, args, { env, onLine: (_stream, line) => void lines.push(line) });
  const { code } = await child.exited;
  return { code: code ?? -1, out: lines.join('\n') };
}
