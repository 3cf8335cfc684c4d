/**
 * Tags are not in the SOAP API: vCenter's tagging service has them, and tells nobody when they change. They are read with
 * everything else; then it is asked one question at a time, with a pause before each: in turn which tags there are, and which VMs
 * they are on. Names of tags are read once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from '../session.ts';
import { TagTable } from './tag-table.ts';
import { Tagging, TaggingRefused } from './tagging.ts';

/** Waits for the next question's turn. @throws the signal's reason when it aborts. */
export type TagPause = (signal: AbortSignal) => Promise<void>;

/** Issue 5: a provider where nothing happens is asked once a minute at most, beside the long poll. */
export const tagPauseMs = 60_000;
export const tagPause: TagPause = (signal) => sleep(tagPauseMs, undefined, { signal });

const maxTags = 2_000;
/** In one question: half of what vCenter answers well (VMware's tagging best practices). */
const tagsPerQuestion = 1_000;
const namesAtOnce = 3;

export class Tags implements AsyncDisposable {
  readonly #table = new TagTable();
  readonly #tagging: Tagging;
  readonly #pause: TagPause;
  readonly #ended = new AbortController();
  #canFollow: boolean;
  /** Which question is next: 0 for the list of tags, n for the n-th thousand of them. */
  #turn = 1;

  constructor(session: Session, pause: TagPause) {
    this.#tagging = new Tagging(session);
    this.#pause = pause;
    // ESXi has no tags.
    this.#canFollow = session.content.about.apiType === 'VirtualCenter';
  }

  /** Names of a VM's tags. */
  of(vm: string): string[] {
    return this.#table.of(vm);
  }

  /** All of them. Fewer where the service does not tell: tags are never a reason to fail. */
  async read(signal: AbortSignal): Promise<void> {
    await this.#try(() => this.#list(signal), signal);
    this.#table.takeChanged();
  }

  /** Waits until VMs have other tags than before. @returns their references. @throws only when it is not waited for any more */
  async next(until: AbortSignal): Promise<readonly string[]> {
    const signal = AbortSignal.any([until, this.#ended.signal]);
    while (this.#canFollow) {
      await this.#pause(signal);
      await this.#try(() => this.#ask(signal), signal);
      const changed = this.#table.takeChanged();
      if (changed.length > 0) return changed;
    }
    return await never(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#tagging[Symbol.asyncDispose]();
  }

  async #try(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    if (!this.#canFollow) return;
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      // Anything else is asked again when its turn comes.
      if (error instanceof TaggingRefused) this.#canFollow = false;
    }
  }

  /** One question; only tags that are new cost more. */
  async #ask(signal: AbortSignal): Promise<void> {
    const { ids } = this.#table;
    const turn = this.#turn % (Math.ceil(ids.length / tagsPerQuestion) + 1);
    this.#turn = turn + 1;
    if (turn === 0) await this.#list(signal);
    else await this.#attached(ids.slice((turn - 1) * tagsPerQuestion, turn * tagsPerQuestion), signal);
  }

  async #list(signal: AbortSignal): Promise<void> {
    // The same ones each time, however the server sorts them.
    const ids = (await this.#tagging.tags(signal)).sort().slice(0, maxTags);
    this.#table.keep(new Set(ids));
    const fresh = ids.filter((id) => !this.#table.has(id));
    for (let at = 0; at < fresh.length; at += namesAtOnce) {
      const some = fresh.slice(at, at + namesAtOnce);
      const names = await Promise.all(some.map((id) => this.#tagging.nameOf(id, signal)));
      for (const [index, id] of some.entries()) this.#table.add(id, names[index] ?? null);
    }
    for (let at = 0; at < fresh.length; at += tagsPerQuestion) {
      await this.#attached(fresh.slice(at, at + tagsPerQuestion), signal);
    }
  }

  async #attached(ids: readonly string[], signal: AbortSignal): Promise<void> {
    const attached = await this.#tagging.attachedTo(ids, signal);
    for (const id of ids) this.#table.attach(id, attached.get(id) ?? new Set());
  }
}

function never(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
