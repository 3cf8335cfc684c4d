/** The attributes of start tags. Only two of them mean anything: xsi:type, under whatever prefix, and type. */
import { UsualValues } from './usual-values.ts';
import {
  charactersOf,
  endOf,
  legal,
  localName,
  malformed,
  maxPiece,
  nameEnd,
  spacesEnd,
  stands,
  XmlEnd,
  XmlError,
} from './xml-characters.ts';

const maxAttributes = 64;
const [greater, slash, equals, quote, apostrophe] = [62, 47, 61, 34, 39];

export class XmlAttributes {
  /** What stood between a tag's name and the value of its xsi:type, namespaces and all: the two that came last. */
  #beforeType = ' xsi:type="';
  #otherBeforeType = ' xsi:type="';
  readonly #values = new UsualValues();

  /** As in XmlText. */
  type = '';
  ref = '';
  empty = false;

  /** From behind a tag's name. @returns where the tag ends */
  read(text: string, from: number): number {
    this.empty = false;
    const end = this.#usual(text, from);
    return end === -1 ? this.#any(text, from) : end;
  }

  /** Attributes as the last ones were, with values that are known; -1 when they are others. */
  #usual(text: string, from: number): number {
    let at = from;
    let type = '';
    let ref = '';
    const before = stands(this.#beforeType, text, at)
      ? this.#beforeType
      : stands(this.#otherBeforeType, text, at)
        ? this.#otherBeforeType
        : '';
    if (before !== '') {
      at += before.length;
      const value = this.#values.at(text, at);
      if (value === undefined) return -1;
      type = value.local;
      at += value.text.length + 1;
    }
    if (stands(' type="', text, at)) {
      at += 7;
      const value = this.#values.at(text, at);
      if (value === undefined) return -1;
      ref = value.text;
      at += value.text.length + 1;
    }
    if (at === from || text.charCodeAt(at) !== greater) return -1;
    this.type = type;
    this.ref = ref;
    return at + 1;
  }

  #remember(before: string): void {
    if (before === this.#beforeType || before === this.#otherBeforeType) return;
    this.#otherBeforeType = this.#beforeType;
    this.#beforeType = before;
  }

  #any(text: string, from: number): number {
    this.type = '';
    this.ref = '';
    const names = new Set<string>();
    let at = from;
    for (;;) {
      const spaced = spacesEnd(text, at);
      const code = text.charCodeAt(spaced);
      if (code === greater || code === slash) {
        this.empty = code === slash;
        const end = spaced + (this.empty ? 2 : 1);
        if (end > text.length) throw new XmlEnd();
        if (text.charCodeAt(end - 1) !== greater) throw malformed('a tag that does not end');
        return end;
      }
      if (spaced >= text.length) throw new XmlEnd();
      if (spaced === at) throw malformed('a tag that does not end');
      const end = nameEnd(text, spaced);
      const name = text.slice(spaced, end);
      if (names.has(name)) throw malformed('the same attribute twice');
      names.add(name);
      if (names.size > maxAttributes) throw new XmlError('an element has too many attributes');
      const sign = spacesEnd(text, end);
      const opening = spacesEnd(text, sign + 1);
      if (opening >= text.length) throw new XmlEnd();
      const mark = text.charCodeAt(opening);
      if (text.charCodeAt(sign) !== equals || (mark !== quote && mark !== apostrophe))
        throw malformed('an attribute without a value');
      const closing = endOf(text, mark === quote ? '"' : "'", opening + 1);
      const value = this.#value(name, text, opening + 1, closing);
      if (name === 'type') this.ref = value;
      else if (name.endsWith(':type')) {
        this.type = localName(value);
        if (mark === quote && !names.has('type')) this.#remember(text.slice(from, opening + 1));
      }
      at = closing + 1;
    }
  }

  #value(name: string, text: string, start: number, end: number): string {
    if (end - start > maxPiece) throw new XmlError(`one piece of it is longer than ${maxPiece} characters`);
    const raw = text.slice(start, end);
    if (raw.includes('<')) throw malformed('"<" in an attribute');
    const flat = legal(raw).replace(/\r\n|[\t\r\n]/g, ' ');
    const value = flat.includes('&') ? charactersOf(flat) : flat;
    if (value === raw && name.endsWith('type')) this.#values.remember(raw);
    return value;
  }
}
