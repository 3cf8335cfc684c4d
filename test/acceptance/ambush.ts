/**
 * Fail points (src/model/fail-points.ts), from outside: armed in a directory, watched, and let go. Whoever reaches an armed
 * point waits there to be killed, or until it is let go because somebody else was.
 */
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FailPoint, failPoints } from '../../src/model/fail-points.ts';

export type Ambush = AsyncDisposable & {
  /** For WHERRY_FAIL_POINTS. */
  readonly directory: string;
  arm(points: readonly FailPoint[]): Promise<void>;
  /** Points that somebody waits at now, longest first. */
  waiting(): Promise<FailPoint[]>;
  /** Lets go whoever waits there and still lives. @throws when the wait was over before (nobody was killed there) */
  release(point: FailPoint): Promise<void>;
  /** Armed, and never reached. */
  left(): Promise<string[]>;
};

const waitMs = 30_000;

export async function setAmbush(): Promise<Ambush> {
  const directory = await mkdtemp(join(tmpdir(), 'wherry-points-'));
  await mkdir(join(directory, 'armed'));
  await mkdir(join(directory, 'reached'));
  const since = async (point: string): Promise<number> => (await stat(join(directory, 'reached', point))).ctimeMs;
  return {
    directory,
    arm: async (points) => {
      for (const point of points) await writeFile(join(directory, 'armed', point), '');
    },
    waiting: async () => {
      const names = await readdir(join(directory, 'reached'));
      const found = await Promise.all(names.map(async (name) => ({ name, at: await since(name) })));
      found.sort((a, b) => a.at - b.at);
      return found.map(({ name }) => pointOf(name));
    },
    release: async (point) => {
      const waited = Date.now() - (await since(point));
      await rm(join(directory, 'reached', point));
      if (waited > waitMs - 1_000) throw new Error(`whoever waited at ${point} went on before anybody was killed`);
    },
    left: () => readdir(join(directory, 'armed')),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

function pointOf(name: string): FailPoint {
  const point = failPoints.find((each) => each === name);
  if (point === undefined) throw new Error(`${name} is no fail point`);
  return point;
}
