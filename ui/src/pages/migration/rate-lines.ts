import type { Rates } from '../../api/types.ts';

/** Points from 0 to 1: of the whole time, and of the highest rate. */
export type Line = readonly (readonly [number, number])[];
export type Chart = {
  readonly lines: readonly Line[];
  /** From the first attempt's beginning to the last sample. */
  readonly seconds: number;
  /** Bytes per second. */
  readonly most: number;
  readonly mean: number;
};

type Copies = Rates['disks'][number]['copies'];

/** The attempts of one disk on one time axis; null while there is nothing to draw. */
export function linesOf(copies: Copies): Chart | null {
  const began = Math.min(...copies.map(({ beganAt }) => Date.parse(beganAt)));
  const drawn = copies.flatMap(({ beganAt, samples }) => {
    const offset = (Date.parse(beganAt) - began) / 1000;
    // Each sample is the rate since the one before: the first one also where the line begins.
    const [first] = samples;
    return first === undefined
      ? []
      : [[[0, first[1]] as const, ...samples].map(([at, value]) => [offset + at, value] as const)];
  });
  const points = drawn.flat();
  const seconds = Math.max(0, ...points.map(([at]) => at));
  const most = Math.max(0, ...points.map(([, value]) => value));
  if (seconds === 0 || most === 0) return null;
  return {
    lines: drawn.map((line) => line.map(([at, value]) => [at / seconds, value / most])),
    seconds,
    most,
    mean: meanOf(copies),
  };
}

/** Over the time that was copied: what lies between attempts does not count. */
function meanOf(copies: Copies): number {
  let bytes = 0;
  let seconds = 0;
  for (const { samples } of copies) {
    let before = 0;
    for (const [at, value] of samples) {
      bytes += value * (at - before);
      before = at;
    }
    seconds += before;
  }
  return seconds === 0 ? 0 : bytes / seconds;
}
