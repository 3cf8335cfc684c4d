/** Tasks: they begin, take their time, and end in a result or a fault. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Rule } from './rules.ts';
import { localized, VimFault } from '../soap/fault.ts';
import { asText, data, refOf, type Ref, type Value } from '../values.ts';
import { answer, type Answer, type Call, type World } from '../world.ts';

export type Work = {
  /** The ending `_Task` of the method is not part of it. */
  readonly entity: Ref;
  /** Time on top of what settings and rules say. */
  readonly extraMs?: number;
  /** Only one such task at a time on an object: a second one is refused with TaskInProgress. */
  readonly exclusive?: boolean;
  /** The effect, at the end of the time. */
  run(): Value | undefined | Promise<Value | undefined>;
};

const running = new WeakMap<World, Map<string, Ref>>();

export class Tasks {
  readonly #world: () => World;
  readonly #cancels = new Map<string, AbortController>();
  readonly #alive = new Set<Promise<void>>();
  readonly #closed = new AbortController();
  /** Rules that are about the call that is being answered: a task takes their delay and fault over. */
  readonly #rules = new WeakMap<object, readonly Rule[]>();

  constructor(world: () => World) {
    this.#world = world;
  }

  note(args: object, rules: readonly Rule[]): void {
    this.#rules.set(args, rules);
  }

  start(call: Call, work: Work): Answer {
    const world = this.#world();
    const locks = running.get(world) ?? new Map<string, Ref>();
    running.set(world, locks);
    const exclusive = work.exclusive ?? true;
    const other = locks.get(work.entity.value);
    if (exclusive && other !== undefined) {
      throw new VimFault('TaskInProgress', 'The operation is not allowed: another task is already in progress.', {
        task: other,
      });
    }
    const ref = refOf('Task', world.newId('task-'));
    if (exclusive) locks.set(work.entity.value, ref);
    const cancel = new AbortController();
    this.#cancels.set(ref.value, cancel);
    this.#create(call, ref, work.entity);
    const run = this.#run(call, ref, work, cancel.signal).finally(() => {
      if (exclusive) locks.delete(work.entity.value);
      this.#cancels.delete(ref.value);
      this.#alive.delete(run);
    });
    this.#alive.add(run);
    return answer(ref);
  }

  cancel(ref: Ref): void {
    this.#cancels.get(ref.value)?.abort();
  }

  /** Ends all that is going on; resolves when nothing is left. */
  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all(this.#alive);
  }

  #create(call: Call, ref: Ref, entity: Ref): void {
    const { store, now } = this.#world();
    const info = data('TaskInfo', {
      key: ref.value,
      task: ref,
      name: call.method,
      descriptionId: `${entity.type}.${call.method.replace(/_Task$/, '')}`,
      entity,
      entityName: asText(store.read(entity, 'name')),
      state: 'queued',
      cancelled: false,
      cancelable: true,
      reason: data('TaskReasonUser', { userName: call.session?.account.name ?? '' }),
      queueTime: new Date(now()).toISOString(),
      eventChainId: Number(ref.value.slice('task-'.length)),
    });
    store.add({ ref, properties: new Map([['info', info]]) });
  }

  async #run(call: Call, ref: Ref, work: Work, canceled: AbortSignal): Promise<void> {
    const { store, settings, now } = this.#world();
    const rules = (this.#rules.get(call.args) ?? []).filter(({ where }) => where !== 'call');
    const set = (name: string, value: Value | undefined): void => store.set(ref, `info.${name}`, value);
    const stop = AbortSignal.any([canceled, this.#closed.signal]);
    try {
      await new Promise(setImmediate);
      set('state', 'running');
      set('startTime', new Date(now()).toISOString());
      set('progress', 0);
      const delay = rules.find(({ delayMs }) => delayMs !== undefined)?.delayMs ?? settings.taskMs;
      await sleep((delay + (work.extraMs ?? 0)) / 2, undefined, { signal: stop });
      set('progress', 50);
      await sleep((delay + (work.extraMs ?? 0)) / 2, undefined, { signal: stop });
      const fault = rules.find((rule) => rule.fault !== undefined)?.fault;
      if (fault !== undefined) throw fault;
      set('result', await work.run());
      set('progress', undefined);
      set('state', 'success');
    } catch (error) {
      if (this.#closed.signal.aborted) return;
      if (canceled.aborted) set('cancelled', true);
      set('error', localized(asFault(error, canceled)));
      set('state', 'error');
    }
    set('completeTime', new Date(now()).toISOString());
    const forget = setTimeout(() => store.remove(ref), settings.taskMemoryMs);
    forget.unref();
  }
}

function asFault(error: unknown, canceled: AbortSignal): VimFault {
  if (canceled.aborted) return new VimFault('RequestCanceled', 'The task was canceled by a user.');
  if (error instanceof VimFault) return error;
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new VimFault('SystemError', `A general system error occurred: ${reason}`, { reason });
}
