/**
 * Cuts XML into tags and texts as it comes, in the part of XML that SOAP is written in. An inventory of 10,000 VMs is 100 MB
 * and millions of elements: a general parser, which looks at every character, costs more there than all that follows. Tags
 * are found by their brackets and taken apart once for each way that they are written. What SOAP does not allow (document
 * types, and with them entities) and what is not well-formed is refused.
 */

/** What is not XML, or more of it than anybody needs. */
export class XmlError extends Error {
  override readonly name = 'XmlError';
}

/** A start tag, taken apart. `name` is as it is written; the others are as `XmlNode` has them. */
export type Tag = {
  readonly name: string;
  readonly local: string;
  readonly type: string;
  readonly ref: string;
  readonly isEmpty: boolean;
};

export type Events = {
  opened(tag: Tag): void;
  /** Of the tag that was opened last and is not closed yet. */
  closed(): void;
  /** A part of a text; the next part may follow. */
  text(text: string): void;
};

/** Characters of one tag, comment or CDATA section. */
const longestPiece = 4 * 1024 * 1024;
const maxAttributes = 64;
/** Tags that are written alike: of a hostile server not more than these are remembered. */
const maxKnown = 4_096;
const longestKnown = 200;
const longestReference = 12;

/** None of them may stand in XML, as a reference neither. */
const forbidden = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/;
const nameText = '[\\p{L}_:][\\p{L}\\p{M}\\p{N}._:\\xb7-]*';
const tagPattern = new RegExp(`^(${nameText})((?:\\s+${nameText}\\s*=\\s*(?:"[^<"]*"|'[^<']*'))*)\\s*(/?)$`, 'u');
const attributePattern = new RegExp(`(${nameText})\\s*=\\s*(?:"([^<"]*)"|'([^<']*)')`, 'gu');

export class XmlScanner {
  readonly #events: Events;
  readonly #tags = new Map<string, Tag>();
  /** What has come and could not be cut yet. */
  #rest = '';
  #begun = false;
  /** Names of the elements that are open, as they are written. */
  readonly #open: string[] = [];

  constructor(events: Events) {
    this.#events = events;
  }

  /** @throws XmlError, and whatever the events throw */
  write(piece: string): void {
    if (forbidden.test(piece)) throw malformed('a character that XML has not');
    let text = this.#rest === '' ? piece : this.#rest + piece;
    this.#rest = '';
    if (text.includes('\r')) {
      // A line's end is one character, however it was written; its second half may still be on its way.
      const whole = text.endsWith('\r') ? text.length - 1 : text.length;
      const last = text.slice(whole);
      text = text.slice(0, whole).replace(/\r\n?/g, '\n') + last;
    }
    const end = this.#cut(text);
    if (end < text.length) {
      this.#rest = text.slice(end);
      if (this.#rest.length > longestPiece)
        throw new XmlError(`one piece of it is longer than ${longestPiece} characters`);
    }
  }

  close(): void {
    if (this.#rest !== '' || this.#open.length > 0) throw new XmlError('it ends in the middle');
  }

  /** @returns up to where it is cut */
  #cut(text: string): number {
    let at = 0;
    for (;;) {
      const open = text.indexOf('<', at);
      if (open < 0) return this.#someText(text, at);
      if (open > at) this.#text(text.slice(at, open));
      const next = this.#markup(text, open);
      if (next < 0) return open;
      at = next;
    }
  }

  /** Text whose end is not there yet: all of it but what may be half of something. */
  #someText(text: string, at: number): number {
    const reference = text.indexOf('&', Math.max(at, text.length - longestReference));
    const end = reference >= 0 ? reference : text.endsWith('\r') ? text.length - 1 : text.length;
    if (end > at) this.#text(text.slice(at, end));
    return Math.max(at, end);
  }

  #text(text: string): void {
    this.#events.text(text.includes('&') ? decoded(text) : text);
  }

  /** @returns behind it; -1 when not all of it is there */
  #markup(text: string, open: number): number {
    switch (text.charCodeAt(open + 1)) {
      case 0x2f: // </
        return this.#endTag(text, open);
      case 0x21: // <!
        return this.#declaration(text, open);
      case 0x3f: // <?
        return this.#instruction(text, open);
      default:
        return this.#startTag(text, open);
    }
  }

  #endTag(text: string, open: number): number {
    const name = this.#open.at(-1);
    if (name === undefined) throw malformed('an end tag too many');
    let end = open + 2 + name.length;
    if (end >= text.length) return -1;
    if (!text.startsWith(name, open + 2)) throw malformed(`the end tag ${text.slice(open, open + 100)}`);
    while (isSpace(text.charCodeAt(end))) end += 1;
    if (end >= text.length) return -1;
    if (text.charCodeAt(end) !== 0x3e) throw malformed(`the end tag ${text.slice(open, open + 100)}`);
    this.#open.pop();
    this.#events.closed();
    return end + 1;
  }

  #startTag(text: string, open: number): number {
    let end = text.indexOf('>', open);
    if (end < 0) return -1;
    let inside = text.slice(open + 1, end);
    let tag = this.#tags.get(inside);
    if (tag === undefined) {
      // A value may hold a bracket as well: then the tag is longer.
      end = endOfTag(text, open);
      if (end < 0) return -1;
      inside = text.slice(open + 1, end);
      tag = this.#tagOf(inside);
    }
    this.#begun = true;
    this.#events.opened(tag);
    if (tag.isEmpty) this.#events.closed();
    else this.#open.push(tag.name);
    return end + 1;
  }

  #tagOf(inside: string): Tag {
    const match = tagPattern.exec(inside);
    if (match === null) throw malformed(`the tag <${inside.slice(0, 100)}>`);
    const [, name = '', attributes = '', slash = ''] = match;
    const tag = { name, local: localName(name), ...typesIn(attributes), isEmpty: slash !== '' };
    if (this.#tags.size < maxKnown && inside.length <= longestKnown) this.#tags.set(inside, tag);
    return tag;
  }

  #declaration(text: string, open: number): number {
    if (text.startsWith('<!--', open)) {
      const end = text.indexOf('--', open + 4);
      if (end < 0 || end + 2 >= text.length) return -1;
      if (text[end + 2] !== '>') throw malformed('a comment with -- in it');
      return end + 3;
    }
    const data = '<![CDATA[';
    if (text.startsWith(data, open)) {
      const end = text.indexOf(']]>', open + data.length);
      if (end < 0) return -1;
      this.#events.text(text.slice(open + data.length, end));
      return end + 3;
    }
    if (text.length - open < data.length && (data.startsWith(text.slice(open)) || '<!--'.startsWith(text.slice(open))))
      return -1;
    if (text.startsWith('<!DOCTYPE', open)) throw new XmlError('it declares a document type');
    if ('<!DOCTYPE'.startsWith(text.slice(open))) return -1;
    throw malformed('a declaration');
  }

  #instruction(text: string, open: number): number {
    const end = text.indexOf('?>', open + 2);
    if (end < 0) return -1;
    const isXml = /^xml\s/i.test(text.slice(open + 2, end));
    if (isXml && this.#begun) throw malformed('an XML declaration in the middle');
    this.#begun = true;
    return end + 2;
  }
}

function typesIn(attributes: string): { type: string; ref: string } {
  const found = { type: '', ref: '' };
  const names = new Set<string>();
  for (const [, name = '', double, single] of attributes.matchAll(attributePattern)) {
    if (names.has(name)) throw malformed(`the attribute ${name}, twice`);
    if (names.add(name).size > maxAttributes) throw new XmlError('an element has too many attributes');
    const value = decoded(double ?? single ?? '');
    if (name === 'type') found.ref = value;
    else if (name.endsWith(':type')) found.type = localName(value);
  }
  return found;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x09 || code === 0x0d;
}

/** Where the bracket is that no quotation marks are around; -1 when it has not come. */
function endOfTag(text: string, open: number): number {
  for (let at = open, quote = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at);
    if (quote !== 0) {
      if (character === quote) quote = 0;
    } else if (character === 0x22 || character === 0x27) quote = character;
    else if (character === 0x3e) return at;
  }
  return -1;
}

const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function decoded(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&([^&;]{0,12})(;?)/g, (_whole, name: string, end: string) => {
    const known = Object.hasOwn(named, name) ? named[name] : undefined;
    if (end !== '' && known !== undefined) return known;
    const number = /^#(?:(\d+)|x([\da-f]+))$/i.exec(name);
    const code =
      number === null ? Number.NaN : number[1] === undefined ? parseInt(number[2] ?? '', 16) : Number(number[1]);
    const isCharacter = code <= 0x10_ff_ff && !(code >= 0xd8_00 && code <= 0xdf_ff);
    if (end === '' || !isCharacter || forbidden.test(String.fromCodePoint(code)))
      throw malformed(`the entity &${name.slice(0, 40)};`);
    return String.fromCodePoint(code);
  });
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

function malformed(what: string): XmlError {
  return new XmlError(`it is not well-formed XML: ${what}`);
}
