/**
 * XML that is all there, as text, read from its front: whoever knows what comes asks for it, and nothing is built on the way.
 * It has to be well-formed XML 1.0. Document types, and with them entities, are refused; depth, counts and the length of any
 * one piece are bounded.
 *
 * Whatever stands there again and again is compared with what stood there last time, instead of being taken apart: that is
 * why `open` takes a guess.
 */
import { XmlAttributes } from './xml-attributes.ts';
import {
  charactersOf,
  endOf,
  is,
  isName,
  legal,
  malformed,
  maxPiece,
  nameChar,
  nameEnd,
  plainChar,
  spacesEnd,
  stands,
  XmlEnd,
  XmlError,
} from './xml-characters.ts';

const limits = {
  depth: 96,
  /** Elements of one object, or of everything around the objects. */
  elements: 2_000_000,
};

/** Where it is, and the start tag that was read last. */
export type Place = {
  readonly at: number;
  readonly depth: number;
  readonly elements: number;
  readonly tag: readonly [qname: string, type: string, ref: string, empty: boolean];
};

const [less, greater, slash, bang, question] = [60, 62, 47, 33, 63];

export class XmlText {
  #text = '';
  #at = 0;
  #depth = 0;
  #elements = 0;
  readonly #attributes = new XmlAttributes();

  /** Of the start tag that was read last: its name as it stands there. */
  qname = '';
  /** The local name in its xsi:type, under whatever prefix (vCenter writes xsi, others differ); '' when there is none. */
  type = '';
  /** Its plain attribute `type`, which references have; ''. */
  ref = '';
  /** It is its own end tag. */
  empty = false;
  /** Whether the element whose `content` was read last had elements in it. */
  hadChildren = false;

  /** Other text to read, and what has been counted is forgotten. */
  begin(text: string): void {
    this.#text = text;
    this.#at = 0;
  }

  /** What has not been read. */
  left(): string {
    return this.#text.slice(this.#at);
  }

  isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  place(): Place {
    const tag = [this.qname, this.type, this.ref, this.empty] as const;
    return { at: this.#at, depth: this.#depth, elements: this.#elements, tag };
  }

  /** Back to where it was. */
  return({ at, depth, elements, tag }: Place): void {
    this.#at = at;
    this.#depth = depth;
    this.#elements = elements;
    [this.qname, this.type, this.ref, this.empty] = tag;
  }

  /** Where the tag begins that comes next, as a number that `since` takes. */
  here(): number {
    return this.#at;
  }

  /** All that was read from there on, word for word; a copy, because a part of a text keeps all of it. */
  since(from: number): string {
    return Buffer.from(this.#text.slice(from, this.#at)).toString();
  }

  /** Whether exactly this comes next, whole elements that were read once before: then it is passed over. */
  pass(elements: string): boolean {
    if (!stands(elements, this.#text, this.#at)) return false;
    this.#at += elements.length;
    return true;
  }

  /** From here on elements are counted anew. */
  forgetCount(): void {
    this.#elements = 0;
  }

  /** Into an element that was opened. */
  down(): void {
    this.#depth += 1;
    if (this.#depth > limits.depth) throw new XmlError(`it is nested deeper than ${limits.depth} elements`);
  }

  /** To the next tag: true when it is a start tag, false for an end tag. What stands before it is checked and dropped. */
  nextTag(): boolean {
    for (;;) {
      if (this.#text.charCodeAt(this.#at) !== less) this.characters();
      const next = this.#text.charCodeAt(this.#at + 1);
      if (next === slash) return false;
      if (next !== bang && next !== question) return true;
      this.aside();
    }
  }

  /** Reads a start tag. `guess`: the name that it most likely has. */
  open(guess = ''): void {
    const text = this.#text;
    const start = this.#at + 1;
    let end = start + guess.length;
    if (guess !== '' && stands(guess, text, start) && !is(text.charCodeAt(end), nameChar)) this.qname = guess;
    else {
      end = nameEnd(text, start);
      this.qname = text.slice(start, end);
    }
    this.#elements += 1;
    if (this.#elements > limits.elements)
      throw new XmlError(`it has more than ${limits.elements} elements in one object`);
    if (text.charCodeAt(end) === greater) {
      this.type = '';
      this.ref = '';
      this.empty = false;
      this.#at = end + 1;
    } else {
      this.#at = this.#attributes.read(text, end);
      ({ type: this.type, ref: this.ref, empty: this.empty } = this.#attributes);
    }
  }

  /** Reads the end tag of this name, and is out of its element. */
  close(qname: string): void {
    const text = this.#text;
    let at = this.#at + 2;
    const end = at + qname.length;
    if (!stands(qname, text, at)) throw this.#wrongEnd(qname);
    at = end;
    if (text.charCodeAt(at) !== greater) {
      at = spacesEnd(text, at);
      if (at >= text.length) throw new XmlEnd();
      if (text.charCodeAt(at) !== greater) throw this.#wrongEnd(qname);
    }
    this.#at = at + 1;
    this.#depth -= 1;
  }

  /** What the element that was opened last holds, and its end tag: its text, '' when it has elements in it. */
  content(): string {
    this.hadChildren = false;
    if (this.empty) return '';
    const { qname } = this;
    this.down();
    let value = this.characters();
    let children = false;
    for (;;) {
      const next = this.#text.charCodeAt(this.#at + 1);
      if (next === slash) {
        this.close(qname);
        this.hadChildren = children;
        return children ? '' : value;
      }
      if (next === bang || next === question) value += this.aside();
      else {
        children = true;
        this.open();
        this.skip();
      }
      value += this.characters();
    }
  }

  /** The rest of the element that was opened last. */
  skip(guess = ''): void {
    if (this.empty) return;
    const { qname } = this;
    this.down();
    let name = guess;
    while (this.nextTag()) {
      this.open(name);
      name = this.qname;
      this.skip(name);
    }
    this.close(qname);
  }

  /** A whole number's digits and this end tag, if there is nothing else; -1, and nothing is read, if it is otherwise. */
  digits(qname: string): number {
    const text = this.#text;
    let at = this.#at;
    let value = 0;
    for (let digit = text.charCodeAt(at) - 48; digit >= 0 && digit <= 9; digit = text.charCodeAt(at) - 48) {
      value = value * 10 + digit;
      at += 1;
    }
    const count = at - this.#at;
    const after = at + 2 + qname.length;
    if (this.empty || count === 0 || count > 15) return -1;
    if (text.charCodeAt(at) !== less || text.charCodeAt(at + 1) !== slash) return -1;
    if (!stands(qname, text, at + 2) || text.charCodeAt(after) !== greater) return -1;
    this.#at = after + 1;
    return value;
  }

  /** Text up to the next tag, comment or anything else in angle brackets. */
  characters(): string {
    const text = this.#text;
    const start = this.#at;
    let at = start;
    let plain = true;
    for (;;) {
      const code = text.charCodeAt(at);
      if (!is(code, plainChar)) {
        if (code === less) break;
        // Past the end it is not a number.
        if (!(code >= 0)) throw new XmlEnd();
        plain = false;
      }
      at += 1;
    }
    if (at - start > maxPiece) throw new XmlError('a text in it is too long');
    this.#at = at;
    if (at === start) return '';
    const raw = text.slice(start, at);
    if (plain) return raw;
    if (raw.includes(']]>')) throw malformed('"]]>" in a text');
    return legal(raw.includes('&') || raw.includes('\r') ? charactersOf(raw.replace(/\r\n?/g, '\n')) : raw);
  }

  /** Whether what comes next is no tag. */
  isAside(): boolean {
    const next = this.#text.charCodeAt(this.#at + 1);
    return this.#text.charCodeAt(this.#at) === less && (next === bang || next === question);
  }

  /** A comment or processing instruction, which are nothing, or a CDATA section, which is text. */
  aside(): string {
    const text = this.#text;
    if (text.startsWith('<!--', this.#at)) {
      const end = endOf(this.#text, '--', this.#at + 4);
      if (text.length === end + 2) throw new XmlEnd();
      if (text.charCodeAt(end + 2) !== greater) throw malformed('"--" in a comment');
      this.#take(this.#at + 4, end, 3);
      return '';
    }
    if (text.startsWith('<?', this.#at)) {
      const start = this.#at + 2;
      const end = endOf(this.#text, '?>', start);
      const [name = ''] = text.slice(start, Math.min(end, start + 1024)).split(/[ \t\r\n]/, 1);
      if (!isName(name) || name.toLowerCase() === 'xml') throw malformed('a processing instruction without a name');
      this.#take(start, end, 2);
      return '';
    }
    if (text.startsWith('<![CDATA[', this.#at)) {
      const start = this.#at + 9;
      return this.#take(start, endOf(this.#text, ']]>', start), 3).replace(/\r\n?/g, '\n');
    }
    const rest = text.slice(this.#at, this.#at + 9);
    if ('<!--'.startsWith(rest) || '<![CDATA['.startsWith(rest) || '<!DOCTYPE'.startsWith(rest)) {
      if (rest !== '<!DOCTYPE') throw new XmlEnd();
      throw new XmlError('it declares a document type');
    }
    throw malformed('"<!"');
  }

  /** Outside of the outermost element: space. @returns whether anything comes after it */
  between(): boolean {
    this.#at = spacesEnd(this.#text, this.#at);
    if (this.#at >= this.#text.length) return false;
    if (this.#text.charCodeAt(this.#at) !== less) throw malformed('text outside of the outermost element');
    if (this.#text.startsWith('<![', this.#at)) throw malformed('CDATA outside of the outermost element');
    return true;
  }

  /** At the very beginning: a byte order mark, and what XML says of itself. */
  declaration(): void {
    if (this.#text.charCodeAt(0) === 0xfeff) this.#at = 1;
    if (!/^<\?xml[ \t\r\n]/.test(this.#text.slice(this.#at, this.#at + 6))) {
      if ('<?xml'.startsWith(this.#text.slice(this.#at, this.#at + 6))) throw new XmlEnd();
      return;
    }
    const end = endOf(this.#text, '?>', this.#at);
    if (!declarations.test(this.#text.slice(this.#at, Math.min(end + 2, this.#at + 1024))))
      throw malformed('its declaration');
    this.#at = end + 2;
  }

  #take(start: number, end: number, after: number): string {
    if (end - start > maxPiece) throw new XmlError(`one piece of it is longer than ${maxPiece} characters`);
    this.#at = end + after;
    return legal(this.#text.slice(start, end));
  }

  #wrongEnd(qname: string): XmlError {
    if (`</${qname}`.startsWith(this.left())) return new XmlEnd();
    return malformed(`another end tag than </${qname.slice(0, 100)}>`);
  }
}

const declarations =
  /^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(["'])1\.0\1([ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(["'])[A-Za-z][\w.-]*\3)?([ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(["'])(yes|no)\5)?[ \t\r\n]*\?>$/;
