import { expect, test } from 'vitest';
import { linesOf } from './rate-lines.ts';

const copy = (beganAt: string, samples: [number, number][]) => ({ beganAt, samples, waited: null });

test('attempts are drawn on one axis of time, as high as the highest rate', () => {
  const chart = linesOf([
    copy('2026-01-01T00:00:00Z', [
      [5, 100],
      [10, 50],
    ]),
    copy('2026-01-01T00:00:30Z', [[10, 200]]),
  ]);
  expect(chart).toEqual({
    seconds: 40,
    most: 200,
    mean: (5 * 100 + 5 * 50 + 10 * 200) / 20,
    lines: [
      [
        [0, 0.5],
        [5 / 40, 0.5],
        [10 / 40, 0.25],
      ],
      [
        [30 / 40, 1],
        [1, 1],
      ],
    ],
  });
});

test('nothing is drawn of nothing', () => {
  expect(linesOf([])).toBeNull();
  expect(linesOf([copy('2026-01-01T00:00:00Z', [])])).toBeNull();
  expect(linesOf([copy('2026-01-01T00:00:00Z', [[1, 0]])])).toBeNull();
});
