/**
 * Values of attributes that have been looked at: names of types, a few dozen, which stand there a million times. One is found by
 * its length and a few of its characters, without being cut out.
 */
import { localName } from './xml-characters.ts';

export type UsualValue = {
  readonly text: string;
  readonly local: string;
};

const bits = 8;
const longest = 200;
/** At one place: those that are alike in what they are found by. */
const alike = 8;

export class UsualValues {
  readonly #values: readonly UsualValue[][] = Array.from({ length: 1 << bits }, () => []);

  /** The one that stands at this place. */
  at(text: string, at: number): UsualValue | undefined {
    const end = text.indexOf('"', at);
    if (end <= at) return undefined;
    const told = text.slice(at, end);
    for (const value of this.#values[placeOf(text, at, end)]!) if (told === value.text) return value;
    return undefined;
  }

  /** Once there are too many like it, it is not. */
  remember(text: string): void {
    const values = this.#values[placeOf(text, 0, text.length)]!;
    if (text.length === 0 || text.length > longest || text.includes('"') || values.length >= alike) return;
    values.push({ text, local: localName(text) });
  }
}

/** By its length and three of its characters. */
function placeOf(text: string, at: number, end: number): number {
  const length = end - at;
  const early = text.charCodeAt(at + Math.min(7, length - 1));
  const middle = text.charCodeAt(at + (length >> 1));
  const late = text.charCodeAt(at + Math.max(0, length - 3));
  return (Math.imul(length * 31 + middle, 0x9e3779b1) ^ Math.imul(late * 131 + early, 0x85ebca6b)) >>> (32 - bits);
}
