/** A bit that goes wrong on its way to the target, or there, is found: a hundred of a hundred, named, and mended once. */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MigrationView, VmMigrationDetail } from '../../src/migration/api.ts';
import type { FailPoint } from '../../src/model/fail-points.ts';
import { runChild } from '../../src/process/child.ts';
import { leafBytes } from '../../src/transfer/digest.ts';
import { setAmbush, type Ambush } from './ambush.ts';
import { checkDigests, checkNothingLeft, checkSucceeded } from './checks.ts';
import { diskSpec } from './disk-spec.ts';
import { type Place, flipStored } from './flip.ts';
import { flipOnce, openRaw, type Round } from './flips.ts';
import { type Product, startProduct } from './product.ts';
import type { Report, Scenario } from './scenario.ts';
import { makeStriped } from './striped.ts';

const mib = 2 ** 20;
const rounds = 100;
const lanes = 2;
/** Data and holes, a chunk border inside data, and an end that is no whole leaf nor cluster. */
const sizeBytes = 71 * mib + 7 * 512;
const stripes = [
  [0, 5 * mib],
  [62 * mib, 4 * mib],
  [68 * mib + 4096, mib],
  [70 * mib, sizeBytes - 70 * mib],
] as const;

export const verifiedCopy: Scenario = {
  name: 'verified-copy',
  proves:
    'a bit that is flipped on the way or at the target is found 100 of 100 times, named with both digests, mended once and refused twice',
  run: async (report) => {
    await using ambush = await setAmbush();
    await using product = await startProduct({ env: { WHERRY_FAIL_POINTS: ambush.directory } });
    const source = join(product.scratch, 'source.raw');
    await makeStriped(source, sizeBytes, stripes);
    await hundred(report, product.scratch, source);
    // Both are read back while they are written: flipped when that is about to begin.
    await whole(report, product, ambush, { source, format: 'qcow2', at: 'copy.flushed.before-journal' });
    await whole(report, product, ambush, { source, format: 'raw', at: 'copy.flushed.before-journal' });
    await whole(report, product, ambush, { source, format: 'raw', at: null });
  },
};

async function hundred(report: Report, scratch: string, source: string): Promise<void> {
  let found = 0;
  let falseAlarms = 0;
  let healed = 0;
  const from = await openRaw(source, scratch);
  const begun = performance.now();
  const lane = async (first: number): Promise<void> => {
    for (let index = first; index < rounds; index += lanes) {
      const place = placeOf(index);
      // What is read back beside its writer is a qcow2's own tables' word: a third of those at rest there.
      const beside = index % 4 === 3 && index % 3 === 0 && !place.inHole;
      const round: Round = {
        format: index % 2 === 0 ? 'raw' : 'qcow2',
        when: index % 4 < 2 ? 'while' : beside ? 'beside' : 'after',
        persists: index % 8 < 4,
        place,
        directory: join(scratch, `round-${index}`),
      };
      const result = await flipOnce(source, from, round);
      if (!result.found)
        throw new Error(`round ${index}: the flipped bit was not found as it should: ${result.detail}`);
      found += 1;
      falseAlarms += result.falseAlarms;
      if (!round.persists) healed += 1;
    }
  };
  try {
    await Promise.all(Array.from({ length: lanes }, (_, first) => lane(first)));
  } finally {
    await from.close();
  }
  report.figure('flipped bits', `${rounds}, half raw and half qcow2, half on the way and half at rest`);
  report.figure('one round (s)', ((performance.now() - begun) / 1000 / rounds).toFixed(2));
  report.check(
    'each was found with disk, offset and both digests, and its chunk copied again once',
    found === rounds,
    `${found} of ${rounds}`,
  );
  report.check(`those that were mended by it are the source again (${healed})`, healed > 0);
  report.check(`those that came back were refused (${found - healed})`, found - healed > 0);
  report.check(`(control) without a flip 0 of ${healed} are reported`, falseAlarms === 0, String(falseAlarms));
}

const among = (from: number, length: number): number => from + Math.floor(Math.random() * length);

/** Random bytes of data and of holes; first, last, and at the border of a chunk. */
function placeOf(index: number): Place {
  const bit = index % 8;
  const kind = index % 5;
  if (kind === 0) return { offset: [0, sizeBytes - 1][Math.floor(index / 5) % 2] ?? 0, bit, inHole: false };
  if (kind === 1) return { offset: 64 * mib - (index % 2), bit, inHole: false };
  // Whole clusters away from data: the device writes there while the copy writes its neighbours.
  if (kind === 2) return { offset: among(10 * mib, 50 * mib), bit, inHole: true };
  const [from = 0, length = 1] = stripes[index % stripes.length] ?? [];
  return { offset: among(from, length), bit, inHole: false };
}

type Whole = { readonly source: string; readonly format: 'raw' | 'qcow2'; readonly at: FailPoint | null };

/** A migration through the whole product; the bit is flipped in its target's file while a step waits. */
async function whole(report: Report, product: Product, ambush: Ambush, { source, format, at }: Whole): Promise<void> {
  const name = at === null ? 'nothing' : format;
  report.note(`a whole migration to ${format}, ${at === null ? 'nothing is flipped' : `a bit is flipped at ${at}`}`);
  const out = join(product.scratch, `out-${name}`);
  await mkdir(out);
  if (at !== null) await ambush.arm([at]);
  const id = await product.begin(diskSpec([source], { directory: out, format }, `flip-${name}`));
  if (at !== null) {
    await flipAt(ambush, at, out, format).catch(async (error: unknown) => {
      const { state, errors } = await product.client.get<MigrationView>(`/migrations/${id}`);
      throw new Error(`the migration is ${state} ${JSON.stringify(errors)}`, { cause: error });
    });
  }
  const view = await product.wait(id);
  checkSucceeded(report, view);
  const detail = await product.detail(view);
  const log = await product.client.text(`/vm-migrations/${detail.id}/log.txt`);
  const told = log.split('\n').filter((line) => line.includes('were read back with SHA-256'));
  if (at === null) report.check('(control) nothing is reported', told.length === 0, told.join('; '));
  else await checkTold(report, source, detail, told);
  const disks = [{ path: source, sizeBytes }];
  await checkDigests(report, product, detail, { disks });
  const [image = ''] = (await readdir(out)).filter((file) => file.endsWith(format));
  await runChild('qemu-img', ['compare', '-f', 'raw', '-F', format, source, join(out, image)]);
  report.check('the target is identical to the source', true);
  await checkNothingLeft(report, product, detail);
}

const flipped: Place = { offset: 1_234_567, bit: 3, inHole: false };

async function flipAt(ambush: Ambush, point: FailPoint, out: string, format: 'raw' | 'qcow2'): Promise<void> {
  for (const end = Date.now() + 60_000; !(await ambush.waiting()).includes(point); await sleep(20)) {
    if (Date.now() > end) throw new Error(`${point} was not reached`);
  }
  const files = (await readdir(out, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const [image] = files.filter(({ name }) => name.includes(format));
  if (image === undefined) throw new Error(`no image in ${out}: ${files.map(({ name }) => name).join()}`);
  await flipStored(join(image.parentPath, image.name), format, flipped);
  await ambush.release(point);
}

async function checkTold(
  report: Report,
  source: string,
  detail: VmMigrationDetail,
  told: readonly string[],
): Promise<void> {
  await using file = await open(source, 'r');
  const leaf = Buffer.alloc(leafBytes);
  await file.read(leaf, 0, leaf.length, 0);
  const expected = createHash('sha256').update(leaf).digest('hex');
  leaf[flipped.offset] = (leaf[flipped.offset] ?? 0) ^ (1 << flipped.bit);
  const found = createHash('sha256').update(leaf).digest('hex');
  const disk = detail.vm?.disks[0]?.name ?? '?';
  const words = [`disk ${disk}`, `${leafBytes} bytes at offset 0 `, expected, found];
  const named = told.filter((line) => words.every((word) => line.includes(word)));
  report.check('the log names disk, offset and both digests', named.length > 0, told.join('; '));
  const again = told.filter((line) => line.includes('copied once more'));
  report.check('its chunk was copied again once', again.length === 1, told.join('; '));
  report.note(again[0] ?? '');
}
