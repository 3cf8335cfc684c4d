import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { afterLoss } from './expiry.ts';
import { cold } from './itineraries/cold.ts';
import { coldInOrder } from './itineraries/cold-in-order.ts';
import { fitLog } from './log-store.ts';
import { countsOf, migrationStateOf } from './migration-state.ts';
import { fateOf, type StepSituation } from './outcome.ts';
import { defaultPolicy } from './policy.ts';
import { disksOf, progressOf, sumOf } from './progress-of.ts';
import type { Outcome, Progress } from './protocol.ts';
import { cancelationMoves, ledgerMoves, migrationMoves, stepMoves, vmMigrationMoves } from './states.ts';
import { anError } from './testing/fake-worker.ts';

test('the states in the database are those of the tables of moves', () => {
  const schema = readFileSync(new URL('../db/migrations/002_migration.sql', import.meta.url), 'utf8');
  const tables = {
    migration_state: migrationMoves,
    vm_migration_state: vmMigrationMoves,
    vm_migration_cancelation: cancelationMoves,
    step_state: stepMoves,
    ledger_state: ledgerMoves,
  };
  for (const [name, moves] of Object.entries(tables)) {
    const listed = new RegExp(`constraint ${name} check \\([^(]*\\(([^)]*)\\)`).exec(schema)?.[1] ?? '';
    const states = [...listed.matchAll(/'(\w+)'/g)].map(([, state]) => state);
    expect({ name, states: new Set(states) }).toEqual({ name, states: new Set(Object.keys(moves)) });
  }
});

test.each([cold, coldInOrder])(
  'every step of the $name itinerary waits only for steps before it, and the last one waits for all',
  ({ steps }) => {
    const seen = new Set<string>();
    for (const { name, after } of steps) {
      for (const before of after) expect(seen).toContain(before);
      seen.add(name);
    }
    const reached = (name: string): string[] => [
      name,
      ...(steps.find((step) => step.name === name)?.after ?? []).flatMap(reached),
    ];
    expect(new Set(reached('clean-up'))).toEqual(seen);
  },
);

test.each([
  [-1, { kind: 'again', waitMs: 0, fruitless: 0 }],
  [0, { kind: 'again', waitMs: 0, fruitless: 1 }],
  [1, { kind: 'again', waitMs: 1_000, fruitless: 2 }],
  [2, { kind: 'again', waitMs: 2_000, fruitless: 3 }],
  [3, { kind: 'again', waitMs: 4_000, fruitless: 4 }],
  [4, { kind: 'give-up' }],
])('after %i fruitless attempts and one more', (fruitless, expected) => {
  expect(afterLoss(fruitless, defaultPolicy)).toEqual(expected);
});

const error = anError('why');
const outcomes: Record<string, Outcome> = {
  succeeded: { kind: 'succeeded', result: 1 },
  skipped: { kind: 'succeeded', result: { skipped: true } },
  failed: { kind: 'failed', error },
  declined: { kind: 'declined', error },
  lost: { kind: 'lost', error },
  canceled: { kind: 'canceled' },
};
const situation: StepSituation = {
  name: 'copy',
  vmName: 'web',
  fruitless: 0,
  attempts: 1,
  stopping: false,
  forwardOnly: false,
};
test.each([
  ['succeeded', 'succeeded', 'succeeded', 'succeeded'],
  ['skipped', 'skipped', 'skipped', 'skipped'],
  ['failed', 'failed', 'failed', 'ready'],
  ['declined', 'ready', 'canceled', 'ready'],
  ['lost', 'ready', 'canceled', 'ready'],
  ['canceled', 'ready', 'canceled', 'ready'],
])('%s: going on %s, stopping %s, forward only %s', (name, goingOn, stopping, forwardOnly) => {
  const outcome = outcomes[name] ?? { kind: 'canceled' };
  expect(fateOf(outcome, situation, defaultPolicy).to).toBe(goingOn);
  expect(fateOf(outcome, { ...situation, stopping: true }, defaultPolicy).to).toBe(stopping);
  expect(fateOf(outcome, { ...situation, forwardOnly: true }, defaultPolicy).to).toBe(forwardOnly);
});

test.each([
  ['queued', ['queued', 'queued'], 'queued'],
  ['queued', ['running', 'queued'], 'running'],
  ['queued', ['canceled', 'queued'], 'queued'],
  ['running', ['completed', 'queued'], 'running'],
  ['running', ['completed', 'completed'], 'succeeded'],
  ['running', ['completed', 'canceled'], 'succeeded'],
  ['running', ['completed', 'failed'], 'failed'],
  ['running', ['canceled', 'failed'], 'failed'],
  ['queued', ['canceled', 'canceled'], 'canceled'],
] as const)('a %s migration with VMs %s is %s', (now, vms, expected) => {
  expect(migrationStateOf(now, vms)).toBe(expected);
  const { total, ...rest } = countsOf(vms);
  expect(Object.values(rest).reduce((sum, count) => sum + count, 0)).toBe(total);
});

const disk = { id: 'd', name: 'disk', sizeBytes: 200 };
const told = (bytesDone: number, bytesPerSecond = 10): Progress => ({
  phase: '',
  fraction: null,
  disks: [
    { diskId: 'd', bytesDone, bytesTotal: 200, bytesMoved: bytesDone, bytesPerSecond, etaSeconds: 5, waited: null },
  ],
});

test('bytes, rate and time left come from the copy that runs; what has ended has none', () => {
  const copying = progressOf([{ name: 'copy', state: 'running', progress: told(50) }], [disk]);
  expect(copying).toEqual({ fraction: 0.25, bytesDone: 50, bytesTotal: 200, bytesPerSecond: 10, etaSeconds: 5 });
  const done = progressOf([{ name: 'copy', state: 'succeeded', progress: told(190) }], [disk]);
  expect(done).toEqual({ fraction: 1, bytesDone: 200, bytesTotal: 200, bytesPerSecond: 0, etaSeconds: null });
});

test('a disk shows the step that deals with it now', () => {
  const steps = [
    { name: 'copy', state: 'succeeded' as const, progress: told(200) },
    { name: 'verify', state: 'running' as const, progress: told(20) },
  ];
  expect(disksOf(steps, [disk])[0]).toMatchObject({ step: 'verify', bytesDone: 20, bytesPerSecond: 10 });
  expect(disksOf(steps.slice(0, 1), [disk])[0]).toMatchObject({ step: 'copy', bytesDone: 200, bytesPerSecond: 0 });
});

test('fractions stay between 0 and 1, whatever steps report', () => {
  const anyProgress = fc.option(
    fc.record({
      phase: fc.constant(''),
      fraction: fc.option(fc.double({ min: -1, max: 3, noNaN: true }), { nil: null }),
      disks: fc.array(
        fc.record({
          diskId: fc.constantFrom('d', 'e'),
          bytesDone: fc.nat(1_000),
          bytesTotal: fc.nat(500),
          bytesMoved: fc.nat(),
          bytesPerSecond: fc.nat(),
          etaSeconds: fc.option(fc.nat(), { nil: null }),
          waited: fc.constant(null),
        }),
      ),
    }),
    { nil: null },
  );
  const anyStep = fc.record({
    name: fc.constantFrom('preflight', 'copy', 'verify', 'convert'),
    state: fc.constantFrom('waiting', 'running', 'succeeded', 'failed'),
    progress: anyProgress,
  });
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 1, maxLength: 5 }), (steps) => {
      const overall = progressOf(steps, [disk]);
      for (const { fraction, bytesDone, bytesTotal } of [overall, sumOf([overall, overall])]) {
        expect(fraction).toBeGreaterThanOrEqual(0);
        expect(fraction).toBeLessThanOrEqual(1);
        expect(bytesDone).toBeLessThanOrEqual(bytesTotal);
      }
    }),
  );
});

const line = (level: 'tool' | 'error') => ({ time: '2026-01-01T00:00:00Z', level, text: '' });
test('a log that is full still takes warnings and errors', () => {
  const lines = [line('tool'), line('tool'), line('error')];
  expect(fitLog(lines, 9, 10)).toEqual({ lines: [lines[0], lines[2]], dropped: 1 });
  expect(fitLog(lines, 11, 10)).toEqual({ lines: [], dropped: 3 });
});
