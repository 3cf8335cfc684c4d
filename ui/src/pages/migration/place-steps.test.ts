import { expect, test } from 'vitest';
import type { StepView } from '../../api/types.ts';
import { placeSteps } from './place-steps.ts';

const at = (second: number): string => new Date(second * 1000).toISOString();
function step(name: string, from: number | null, to: number | null, state: StepView['state'] = 'succeeded'): StepView {
  return {
    id: name,
    name,
    after: [],
    state,
    attempts: 1,
    worker: null,
    startedAt: from === null ? null : at(from),
    endedAt: to === null ? null : at(to),
    phase: '',
    fraction: null,
    disks: [],
    error: null,
  };
}

test('steps that run at the same time lie above each other, the running one up to now', () => {
  const placed = placeSteps(
    [
      step('preflight', 100, 120),
      step('copy', 120, 160),
      step('convert', 120, null, 'running'),
      step('apply', null, null, 'waiting'),
    ],
    200_000,
  );
  expect(placed.map(({ left, width }) => [left, width])).toEqual([
    [0, 20],
    [20, 40],
    [20, 80],
    [0, 0],
  ]);
});

test('a step of no time is still seen, nothing leaves the axis, and nothing begun gives an empty one', () => {
  const placed = placeSteps([step('preflight', 0, 100), step('clean-up', 100, 100)], 0);
  expect(placed[1]?.width).toBeGreaterThan(0);
  for (const { left, width } of placed) expect(left + width).toBeLessThanOrEqual(100);
  expect(placeSteps([step('preflight', null, null, 'ready')], 5)).toMatchObject([{ left: 0, width: 0 }]);
  expect(placeSteps([], 5)).toEqual([]);
});
