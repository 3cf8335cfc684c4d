import { expect, test } from 'vitest';
import { pageRows, pagesOf, rowHeightPx, windowOf } from './window.ts';

test('all that can be seen is in the window, with rows above and below, and nothing beyond the list', () => {
  const top = 10_000 * rowHeightPx;
  const { from, to } = windowOf(top, 20 * rowHeightPx, 50_000);
  expect(from).toBeLessThanOrEqual(10_000 - 24);
  expect(to).toBeGreaterThanOrEqual(10_020 + 24);
  expect(windowOf(0, 700, 5)).toEqual({ from: 0, to: 5 });
  expect(windowOf(0, 700, 0)).toEqual({ from: 0, to: 0 });
  // A list that became short under who had scrolled far.
  expect(windowOf(top, 700, 100)).toEqual({ from: 100, to: 100 });
});

test('the pages of a window are those that hold it and their neighbours', () => {
  expect(pagesOf({ from: 0, to: 60 }, 50_000)).toEqual([0, 1]);
  expect(pagesOf({ from: pageRows * 4 + 1, to: pageRows * 4 + 60 }, 50_000)).toEqual([3, 4, 5]);
  expect(pagesOf({ from: 0, to: 0 }, 0)).toEqual([0]);
  expect(pagesOf({ from: 100, to: 100 }, 100)).toEqual([0]);
});
