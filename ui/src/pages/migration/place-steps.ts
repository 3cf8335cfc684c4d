import type { StepView } from '../../api/types.ts';

export type Placed = {
  readonly step: StepView;
  /** Percent of the axis. Both 0: it has not begun. */
  readonly left: number;
  readonly width: number;
};

/** A step that was over in no time is still seen. */
const narrowest = 0.8;

/** Puts steps on an axis from the first one's beginning to the last one's end, or to now while one runs. Pure. */
export function placeSteps(steps: readonly StepView[], nowMs: number): Placed[] {
  const spans = steps.map((step) => {
    if (step.startedAt === null || step.state === 'skipped') return null;
    const from = Date.parse(step.startedAt);
    return { from, to: Math.max(from, step.endedAt === null ? nowMs : Date.parse(step.endedAt)) };
  });
  const begun = spans.filter((span) => span !== null);
  const start = Math.min(...begun.map(({ from }) => from));
  const whole = Math.max(...begun.map(({ to }) => to), start + 1) - start;
  return steps.map((step, index) => {
    const span = spans[index] ?? null;
    if (span === null) return { step, left: 0, width: 0 };
    const width = Math.min(100, Math.max(narrowest, ((span.to - span.from) / whole) * 100));
    return { step, left: Math.min(100 - width, ((span.from - start) / whole) * 100), width };
  });
}
