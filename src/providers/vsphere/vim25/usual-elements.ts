/**
 * Elements that stand in object after object word for word: the keyboard of each VM, its power state. What was made of one is
 * kept with its text, and where the same text comes again it is taken for it. Nobody may change what is read.
 */
import type { XmlText } from './xml-text.ts';

/** Longer ones are never the same twice, or too rarely. */
const longest = 4096;
/** One after the other in one list. */
const most = 64;

export class UsualElement<T> {
  #text = '';
  #value: T | undefined;
  #misses = 0;
  readonly #place: number;
  #next: UsualElement<T> | null = null;

  constructor(place = 0) {
    this.#place = place;
  }

  /** What comes behind it in a list; null when that is too long. */
  next(): UsualElement<T> | null {
    if (this.#next === null && this.#place < most) this.#next = new UsualElement<T>(this.#place + 1);
    return this.#next;
  }

  /** Passes over it if it comes next, and then `value` is what it is. */
  isNext(xml: XmlText): boolean {
    if (this.#text === '' || !xml.pass(this.#text)) return false;
    this.#misses = 0;
    return true;
  }

  get value(): T {
    return this.#value as T;
  }

  /** Another one was read here, from `from` on. The longer none has come twice, the more seldom one is kept. */
  missed(xml: XmlText, from: number, value: T): void {
    const misses = (this.#misses += 1);
    const isRare = (misses & (misses - 1)) !== 0;
    if (isRare || xml.here() - from > longest) return;
    this.#text = xml.since(from);
    // A copy as well: strings that are parts of an answer would keep all of it for as long as this is kept.
    this.#value = structuredClone(value);
  }
}
