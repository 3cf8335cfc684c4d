/** One migration during which processes are killed: at armed fail points by turns, or at moments that a test chooses. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MigrationView } from '../../src/migration/api.ts';
import type { FailPoint } from '../../src/model/fail-points.ts';
import type { VmMigrationSpec } from '../../src/model/spec.ts';
import type { Ambush } from './ambush.ts';
import type { Product } from './product.ts';
import { type Chance, kill, type Victim, victims } from './victims.ts';

export type Kill = { readonly victim: Victim; readonly at: string; readonly seconds: number };

export type KillRun = {
  readonly view: MigrationView;
  readonly kills: readonly Kill[];
  readonly seconds: number;
};

export type Ground = { readonly product: Product; readonly ambush: Ambush; readonly chance: Chance };

export type Attack = {
  readonly spec: VmMigrationSpec;
  readonly points: readonly FailPoint[];
  /** Tried in this order: the first that runs is killed. */
  victimsAt(point: FailPoint): readonly Victim[];
  /** Looked at while whoever reached the point waits, before anybody is killed. */
  onReached?(point: FailPoint, id: string): Promise<void>;
  /** Milliseconds from the beginning at which something random is killed. */
  readonly moments?: readonly number[];
  /** With what was going on each time that the state was read. */
  onView?(view: MigrationView): Promise<void>;
};

const ended: ReadonlySet<string> = new Set(['succeeded', 'failed', 'canceled']);
const longestMs = 420_000;

export async function runUnderFire(ground: Ground, attack: Attack): Promise<KillRun> {
  const { product, ambush, chance } = ground;
  await ambush.arm(attack.points);
  const begun = performance.now();
  const kills: Kill[] = [];
  const moments = [...(attack.moments ?? [])];
  const id = await product.begin(attack.spec);
  const strike = async (at: string, order: readonly Victim[], letGo: () => Promise<void>): Promise<void> => {
    for (const victim of order) {
      if (!(await kill(product, victim, chance))) continue;
      kills.push({ victim, at, seconds: (performance.now() - begun) / 1000 });
      await letGo();
      // Only after whoever waits goes on: what it says to a server that is away must not get lost.
      if (victim === 'server') await product.startServer();
      return;
    }
    throw new Error(`at ${at} there was nobody to kill`);
  };
  let lookAt = 0;
  for (;;) {
    for (const point of await ambush.waiting()) {
      await attack.onReached?.(point, id);
      await strike(point, attack.victimsAt(point), () => ambush.release(point));
    }
    const [moment] = moments;
    if (moment !== undefined && performance.now() - begun >= moment) {
      moments.shift();
      await strike(`${(moment / 1000).toFixed(1)} s`, shuffled(victims, chance), async () => undefined);
    }
    if (performance.now() > lookAt) {
      const view = await product.client.get<MigrationView>(`/migrations/${id}`, { timeoutMs: 2_000 }).catch(() => null);
      if (view !== null) await attack.onView?.(view);
      if (view !== null && ended.has(view.state)) {
        if ((await ambush.waiting()).length === 0) {
          return { view, kills, seconds: (performance.now() - begun) / 1000 };
        }
      }
      lookAt = performance.now() + 150;
    }
    if (performance.now() - begun > longestMs)
      throw new Error(`migration ${id} has not ended in ${longestMs / 1000} s`);
    await sleep(15);
  }
}

export function shuffled<T>(items: readonly T[], chance: Chance): T[] {
  return items
    .map((item) => ({ item, key: chance() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

/** "child 9, worker 8, …" */
export function tally(kills: readonly Kill[]): string {
  return victims.map((victim) => `${victim} ${kills.filter((each) => each.victim === victim).length}`).join(', ');
}
