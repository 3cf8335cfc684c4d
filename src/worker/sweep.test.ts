import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newId } from '../model/ids.ts';
import { type Children, keepChildren } from './children.ts';
import { createSweeper } from './sweep.ts';

let root: string;
let children: Children;
const nothing = (): void => undefined;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'wherry-sweep-'));
  const directoryOf = (id: string): string => join(root, id);
  children = keepChildren({ directoryOf, onMessage: nothing, onOutput: nothing, onEnd: nothing });
});
afterEach(async () => {
  await children.endAll();
  await rm(root, { recursive: true, force: true });
});

async function directoryWith(text: string): Promise<string> {
  const id = newId();
  await mkdir(join(root, id));
  await writeFile(join(root, id, 'journal'), text);
  return id;
}
const noTraces = async (): Promise<void> => undefined;

test('what nobody wants is removed; what was not asked about, or has no such name, is not', async () => {
  const [wanted, unwanted] = [await directoryWith('wanted'), await directoryWith('unwanted')];
  const sweeper = createSweeper(root, children, noTraces, nothing);
  const outside = join(root, '..', 'elsewhere');
  const answer = await sweeper.sweep(async (found) => {
    expect(found.sort()).toEqual([wanted, unwanted].sort());
    return { unwanted: [unwanted, newId(), outside] };
  });
  expect(answer.unwanted.length).toBe(3);
  expect(await readdir(root)).toEqual([wanted]);
});

test('what cannot be removed is told, and keeps neither the others nor the worker', async () => {
  const [stuck, loose] = [await directoryWith('stuck'), await directoryWith('loose')];
  const failed: unknown[] = [];
  const traces = async (directory: string): Promise<void> => {
    if (directory.endsWith(stuck)) throw new Error('busy');
  };
  const sweeper = createSweeper(root, children, traces, (...one) => failed.push(one));
  await sweeper.sweep(async () => ({ unwanted: [stuck, loose] }));
  expect(failed).toEqual([[stuck, new Error('busy')]]);
  expect(await readdir(root)).toEqual([stuck]);
});

test('a retry that begins while the answer is on its way keeps its directory, also when its child has ended by then', async () => {
  const id = await directoryWith('of before');
  const sweeper = createSweeper(root, children, noTraces, nothing);
  await sweeper.sweep(async () => {
    sweeper.begins(id);
    const run = await children.of(id);
    await writeFile(join(root, id, 'journal'), 'of the retry');
    await children.end(run);
    return { unwanted: [id] };
  });
  expect(await readFile(join(root, id, 'journal'), 'utf8')).toBe('of the retry');
  // Control: asked again, with nothing begun since, it is taken.
  await sweeper.sweep(async () => ({ unwanted: [id] }));
  expect(await readdir(root)).toEqual([]);
}, 30_000);

test('a retry that begins in the middle of a removal waits for its end, and gets a directory that stays', async () => {
  const id = await directoryWith('of before');
  const order: string[] = [];
  let begun: Promise<unknown> | undefined;
  const sweeper = createSweeper(
    root,
    children,
    async () => {
      begun = children.of(id).then(() => order.push('child'));
      // Long enough for a child that does not wait to have begun.
      await sleep(200);
      order.push('traces');
    },
    nothing,
  );
  await sweeper.sweep(async () => ({ unwanted: [id] }));
  await begun;
  expect(order).toEqual(['traces', 'child']);
  expect(await readdir(join(root, id))).toEqual([]);
}, 30_000);

test('what is about to begin, or runs, is not taken', async () => {
  const [comes, runs] = [await directoryWith('comes'), await directoryWith('runs')];
  await children.of(runs);
  const begun = children.of(comes); // not awaited: it is about to begin
  const sweeper = createSweeper(root, children, noTraces, nothing);
  await sweeper.sweep(async () => ({ unwanted: [comes, runs] }));
  await begun;
  expect(await readFile(join(root, comes, 'journal'), 'utf8')).toBe('comes');
  expect(await readFile(join(root, runs, 'journal'), 'utf8')).toBe('runs');
}, 30_000);
