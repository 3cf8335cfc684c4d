import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { advance, isEnded, isPastReturn, isStopping, isUndo, type StepFacts, type VmFacts } from './advance.ts';
import { cold } from './itineraries/cold.ts';
import { fateOf } from './outcome.ts';
import { defaultPolicy } from './policy.ts';
import type { Outcome } from './protocol.ts';
import { move, type StepState } from './states.ts';
import { anError } from './testing/fake-worker.ts';

/** The model: a VM migration as the stores keep it, but in memory, moved by the same rules. */
type Model = { vm: VmFacts; fruitless: Map<string, number> };

function fresh(): Model {
  const steps = cold.steps.map(
    ({ name, after }): StepFacts => ({
      id: name,
      name,
      after,
      state: after.length === 0 ? 'ready' : 'waiting',
      attempts: 0,
      error: null,
    }),
  );
  const vm: VmFacts = {
    state: 'queued',
    cancelation: 'none',
    error: null,
    steps,
    pointOfNoReturn: cold.pointOfNoReturn,
    openLedgerRows: 0,
    begun: false,
  };
  return { vm, fruitless: new Map() };
}

function setStep(vm: VmFacts, id: string, change: Partial<StepFacts>): VmFacts {
  return {
    ...vm,
    steps: vm.steps.map((step) =>
      step.id === id ? { ...step, ...change, state: move('step', step.state, change.state ?? step.state) } : step,
    ),
  };
}

function settle(vm: VmFacts): VmFacts {
  const next = advance(vm);
  let settled: VmFacts = {
    ...vm,
    state: move('vmMigration', vm.state, next.state),
    cancelation: next.cancelation,
  };
  for (const { id, to } of next.steps) settled = setStep(settled, id, { state: to });
  if (next.undo) {
    const undo: StepFacts = {
      id: `undo${vm.steps.length}`,
      name: 'undo',
      after: [],
      state: 'ready',
      attempts: 0,
      error: null,
    };
    settled = { ...settled, steps: [...settled.steps, undo] };
  }
  return settled;
}

const outcomeOf = (kind: Outcome['kind']): Outcome =>
  kind === 'succeeded' ? { kind, result: null } : kind === 'canceled' ? { kind } : { kind, error: anError(kind) };

type Action =
  | { do: 'claim'; pick: number }
  | { do: 'end'; pick: number; kind: Outcome['kind'] }
  | { do: 'cancel' }
  | { do: 'effect' };
const anyAction: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('claim' as const), pick: fc.nat(5) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      pick: fc.nat(5),
      kind: fc.oneof(
        { weight: 12, arbitrary: fc.constant('succeeded' as const) },
        {
          weight: 1,
          arbitrary: fc.constantFrom('failed' as const, 'declined' as const, 'lost' as const, 'canceled' as const),
        },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'cancel' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'effect' as const }) },
);

function apply(model: Model, action: Action): Model {
  const { vm } = model;
  const inState = (state: StepState): StepFacts[] => vm.steps.filter((step) => step.state === state);
  if (action.do === 'cancel') {
    if (isEnded(vm.state) || isPastReturn(vm) || isStopping(vm)) return model;
    return { ...model, vm: settle({ ...vm, cancelation: move('cancelation', vm.cancelation, 'requested') }) };
  }
  if (action.do === 'effect') {
    return inState('running').some((step) => !isUndo(step)) ? { ...model, vm: { ...vm, openLedgerRows: 1 } } : model;
  }
  const from = inState(action.do === 'claim' ? 'ready' : 'running');
  const step = from[action.pick % Math.max(1, from.length)];
  if (step === undefined) return model;
  if (action.do === 'claim') {
    const state = isEnded(vm.state) ? vm.state : move('vmMigration', vm.state, 'running');
    const started = setStep(vm, step.id, { state: 'running', attempts: step.attempts + 1 });
    return { ...model, vm: { ...started, state, begun: true } };
  }
  const undo = isUndo(step);
  const situation = {
    name: step.name,
    vmName: 'web',
    fruitless: model.fruitless.get(step.id) ?? 0,
    attempts: step.attempts,
    stopping: !undo && isStopping(vm),
    forwardOnly: undo || isPastReturn(vm),
  };
  const fate = fateOf(outcomeOf(action.kind), situation, defaultPolicy);
  let after = setStep(vm, step.id, { state: fate.to, error: fate.error });
  if (fate.to === 'failed' && !undo && !isStopping(vm)) after = { ...after, error: fate.error };
  if (undo && fate.to === 'succeeded') after = { ...after, openLedgerRows: 0 };
  return { vm: settle(after), fruitless: new Map(model.fruitless).set(step.id, fate.fruitless) };
}

const ended: readonly StepState[] = ['succeeded', 'skipped', 'failed', 'canceled', 'undone'];

function brokenPromises(before: VmFacts, vm: VmFacts): string[] {
  const running = vm.steps.filter(({ state }) => state === 'running');
  const open = [...running, ...vm.steps.filter(({ state }) => state === 'ready')];
  const done = new Set(vm.steps.filter(({ state }) => state === 'succeeded').map(({ name }) => name));
  const undoing = vm.steps.some((step) => isUndo(step) && step.state !== 'ready');
  const next = advance(vm);
  const kept = {
    'what has ended stays': !isEnded(before.state) || vm.state === before.state,
    'the first error stays': before.error === null || vm.error === before.error,
    'steps that have ended stay': before.steps.every(
      ({ id, state }) => !ended.includes(state) || vm.steps.find((step) => step.id === id)?.state === state,
    ),
    'nothing runs before what it waits for': open.every(({ after }) => after.every((name) => done.has(name))),
    'nothing runs beside undo': !undoing || running.every(isUndo),
    'what is handed over is never undone': !undoing || !isPastReturn(vm),
    'canceled means that nothing is left': vm.state !== 'canceled' || vm.openLedgerRows === 0,
    'asking again changes nothing': next.steps.length === 0 && !next.undo,
    'never stuck': isEnded(vm.state) || open.length > 0,
  };
  return Object.entries(kept).flatMap(([promise, isKept]) => (isKept ? [] : [promise]));
}

test('in any order of events a VM migration keeps its promises', () => {
  fc.assert(
    fc.property(fc.array(anyAction, { maxLength: 120 }), (actions) => {
      let model = fresh();
      for (const action of actions) {
        const before = model.vm;
        model = apply(model, action);
        expect(brokenPromises(before, model.vm)).toEqual([]);
      }
    }),
    { numRuns: 500 },
  );
});

test('what goes well completes, whatever the order of claims', () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.nat(5)), (picks) => {
      let model = fresh();
      for (const pick of picks) {
        model = apply(model, { do: 'claim', pick });
        model = apply(model, { do: 'end', pick, kind: 'succeeded' });
        if (isEnded(model.vm.state)) break;
      }
      expect(model.vm.state).toBe('completed');
    }),
  );
});
