/** Checks that several scenarios make of one migrated appliance. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MigrationView, VmMigrationDetail } from '../../src/migration/api.ts';
import { chunkCount } from '../../src/transfer/digest.ts';
import type { Manifest } from '../../src/transfer/manifest.ts';
import { parseManifests } from '../../src/transfer/manifest-parse.ts';
import type { Appliance } from '../peers/guest/appliance.ts';
import { chunkDigestsOf } from './digests.ts';
import type { Product } from './product.ts';
import type { Report } from './scenario.ts';

export function checkSucceeded(report: Report, view: MigrationView): void {
  const error = view.vmMigrations[0]?.error ?? null;
  report.check('the migration succeeded', view.state === 'succeeded', JSON.stringify(error ?? view.state));
}

/** The digests that Wherry took and verified are those of the source, as computed here from the raw images. */
export async function checkDigests(
  report: Report,
  product: Product,
  detail: VmMigrationDetail,
  appliance: Pick<Appliance, 'disks'>,
): Promise<void> {
  const manifests = await manifestsOf(product, detail);
  report.check('the manifest has every disk', manifests.length === appliance.disks.length);
  for (const [index, disk] of appliance.disks.entries()) {
    const expected = await chunkDigestsOf(disk.path);
    const found = sourceDigestsOf(manifests[index]);
    report.check(
      `disk ${index}: what was verified at the target is the source, digest by digest`,
      same(expected, found),
    );
    const flipped = await chunkDigestsOf(disk.path, { flipBitAt: Math.floor(disk.sizeBytes / 2) });
    report.check(`disk ${index}: (control) one flipped bit would be seen`, !same(flipped, found));
  }
}

export async function manifestsOf(product: Product, { id }: Pick<VmMigrationDetail, 'id'>): Promise<Manifest[]> {
  return parseManifests((await product.client.text(`/vm-migrations/${id}/manifest`)).split('\n'));
}

/** What was copied, chunk by chunk, whatever a conversion made of it afterwards. */
function sourceDigestsOf(manifest: Manifest | undefined): string[] | undefined {
  if (manifest === undefined) return undefined;
  const chunks = Array.from({ length: chunkCount(manifest.coverage.sizeBytes) }, (_, chunk) => chunk);
  return chunks.map((chunk) => (manifest.sources?.get(chunk) ?? manifest.coverage.chunk(chunk))?.toString('hex') ?? '');
}

function same(expected: readonly string[], found: readonly string[] | undefined): boolean {
  return (
    found !== undefined && expected.length === found.length && expected.every((digest, at) => digest === found[at])
  );
}

export async function checkNothingLeft(report: Report, product: Product, detail: VmMigrationDetail): Promise<void> {
  report.check('the ledger has rows', detail.ledger.length > 0);
  const open = detail.ledger.filter((row) => row.state !== 'removed' && row.state !== 'handed_over');
  report.check('every ledger row is removed or handed over', open.length === 0, JSON.stringify(open));
  // The process of a VM migration is kept for a moment, should another step come.
  let left: string[] = [];
  for (const end = Date.now() + 15_000; Date.now() < end; await sleep(200)) {
    left = await product.leftovers();
    if (left.length === 0) break;
  }
  report.check('no process, socket or file is left', left.length === 0, left.join('; '));
}
