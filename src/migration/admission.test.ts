import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { admit, type AdmissionFacts, type Candidate, obstacle, waitOf, type WorkerFacts } from './admission.ts';

const limits = { maxPerWorker: 2, maxPerServer: 3, patienceMs: 100 };
const candidate = (more: Partial<Candidate> = {}): Candidate => ({
  stepId: 's',
  vmMigrationId: 'v',
  active: false,
  workerId: null,
  runningOn: [],
  declinedBy: [],
  readyForMs: 0,
  ...more,
});
const worker = (id: string, more: Partial<WorkerFacts> = {}): WorkerFacts => ({
  id,
  alive: true,
  asking: true,
  active: 0,
  ...more,
});
const facts = (candidates: readonly Candidate[], workers: readonly WorkerFacts[], active = 0): AdmissionFacts => ({
  candidates,
  workers,
  active,
  limits,
});

test.each([
  ['free', candidate(), worker('a'), 0, null],
  ['declined before', candidate({ declinedBy: ['a'] }), worker('a'), 0, 'declined'],
  ['worker full', candidate(), worker('a', { active: 2 }), 2, 'worker-full'],
  ['server full', candidate(), worker('a', { active: 1 }), 3, 'server-full'],
  ['its own VM, though full', candidate({ active: true, workerId: 'a' }), worker('a', { active: 2 }), 3, null],
  ['bound to a live worker', candidate({ active: true, workerId: 'b' }), worker('a'), 1, 'elsewhere'],
  ['bound to a dead worker', candidate({ active: true, workerId: 'dead' }), worker('a'), 3, null],
  [
    'bound to a dead worker, but full',
    candidate({ active: true, workerId: 'dead' }),
    worker('a', { active: 2 }),
    3,
    'worker-full',
  ],
  ['bound to one that declined', candidate({ active: true, workerId: 'b', declinedBy: ['b'] }), worker('a'), 1, null],
  [
    'a sibling runs on a dead worker still',
    candidate({ active: true, workerId: 'dead', runningOn: ['dead'] }),
    worker('a'),
    1,
    'elsewhere',
  ],
] as const)('%s', (_, step, asking, active, expected) => {
  const workers = [asking, worker('b'), worker('dead', { alive: false, asking: false })];
  expect(obstacle(step, asking, facts([step], workers, active))).toBe(expected);
});

test('a busier worker waits a moment for a less loaded one that asks, and no longer', () => {
  const workers = [worker('busy', { active: 1 }), worker('idle')];
  expect(admit('busy', facts([candidate({ readyForMs: 40 })], workers))).toEqual({ kind: 'none', againInMs: 60 });
  expect(admit('idle', facts([candidate()], workers))).toEqual({ kind: 'step', stepId: 's' });
  expect(admit('busy', facts([candidate({ readyForMs: 100 })], workers))).toEqual({ kind: 'step', stepId: 's' });
  const silent = [worker('busy', { active: 1 }), worker('idle', { asking: false })];
  expect(admit('busy', facts([candidate()], silent))).toEqual({ kind: 'step', stepId: 's' });
});

test('what cannot run here does not keep what is behind it from running', () => {
  const blocked = candidate({ stepId: 'first', declinedBy: ['a'] });
  expect(admit('a', facts([blocked, candidate({ stepId: 'second' })], [worker('a')]))).toEqual({
    kind: 'step',
    stepId: 'second',
  });
});

test('a VM that does not run says why', () => {
  expect(waitOf(candidate(), facts([], []))).toBe('wait.no_worker');
  expect(waitOf(candidate(), facts([], [worker('a', { asking: false })]))).toBe('wait.worker');
  expect(waitOf(candidate(), facts([], [worker('a', { active: 2 })], 2))).toBe('wait.worker_limit');
  expect(waitOf(candidate(), facts([], [worker('a')], 3))).toBe('wait.server_limit');
  expect(waitOf(candidate(), facts([], [worker('a')]))).toBeNull();
});

const anyWorker = (name: string) =>
  fc.record({
    id: fc.constant(name),
    alive: fc.boolean(),
    asking: fc.boolean(),
    active: fc.integer({ min: 0, max: 3 }),
  });

test('whatever is asked, no limit is passed and nobody gets what it declined or what is bound elsewhere', () => {
  const id = fc.constantFrom('a', 'b', 'c');
  const anyCandidate = fc.record({
    stepId: fc.uuid(),
    vmMigrationId: fc.uuid(),
    active: fc.boolean(),
    workerId: fc.option(id, { nil: null }),
    runningOn: fc.array(id, { maxLength: 1 }),
    declinedBy: fc.uniqueArray(id),
    readyForMs: fc.integer({ min: 0, max: 200 }),
  });
  const anyFacts = fc.record({
    candidates: fc.array(anyCandidate, { maxLength: 6 }),
    workers: fc.tuple(anyWorker('a'), anyWorker('b'), anyWorker('c')),
    active: fc.integer({ min: 0, max: 5 }),
    limits: fc.constant(limits),
  });
  fc.assert(
    fc.property(anyFacts, id, (given, asking) => {
      const answer = admit(asking, given);
      if (answer.kind === 'none') return;
      const step = given.candidates.find(({ stepId }) => stepId === answer.stepId);
      const me = given.workers.find((each) => each.id === asking);
      expect(step?.declinedBy).not.toContain(asking);
      expect(step?.runningOn.filter((other) => other !== asking)).toEqual([]);
      const own = step?.active === true && step.workerId === asking;
      expect(own || (me?.active ?? 0) < limits.maxPerWorker).toBe(true);
      expect(step?.active === true || given.active < limits.maxPerServer).toBe(true);
    }),
  );
});
