/**
 * XML as it comes over the wire. Elements of one place (`split`) are read one at a time and kept nowhere, so that an answer may
 * be as long as it likes; everything else becomes a small tree.
 */
import { isAscii } from 'node:buffer';
import { localName, XmlEnd, XmlError } from './xml-characters.ts';
import { XmlText } from './xml-text.ts';

export { XmlError } from './xml-characters.ts';

export type XmlNode = {
  /** Without prefix. */
  readonly name: string;
  /** The local name in xsi:type; '' when there is none. */
  readonly type: string;
  /** The plain attribute `type` of a reference; ''. */
  readonly ref: string;
  readonly children: XmlNode[];
  /** Of an element without children. */
  text: string;
};

export type Split<T> = {
  readonly parent: string;
  readonly name: string;
  /** Reads such an element, whose start tag has just been read, through its end tag. */
  readonly read: (xml: XmlText) => T;
};

/** Of one object, or of everything where nothing is split. */
const maxBytes = 64 * 1024 * 1024;

export class XmlReader<T = never> {
  readonly #xml = new XmlText();
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  readonly #split: Split<T> | null;
  readonly #hint: string;
  #parts: Uint8Array[] = [];
  #size = 0;
  /** Text that was tried and is not all there. */
  #text = '';
  /** With so many bytes it is tried again. */
  #wanted: number;
  readonly #least: number;
  readonly #open: { readonly qname: string; readonly node: XmlNode }[] = [];
  #begun = false;
  #root: XmlNode | null = null;
  #ready: T[] = [];

  /** @param least so many bytes, if there are as many, are read at once */
  constructor(split: Split<T> | null, least = 128 * 1024) {
    this.#split = split;
    this.#least = least;
    this.#wanted = least;
    this.#hint = `${split?.name}>`;
  }

  /** @throws XmlError, and what reading a split element throws */
  write(chunk: Uint8Array): void {
    this.#parts.push(chunk);
    this.#size += chunk.length;
    if (this.#text.length + this.#size > maxBytes) throw new XmlError('one object of it is too large');
    if (this.#split === null || this.#size < this.#wanted) return;
    const bytes = Buffer.concat(this.#parts);
    // Nothing of UTF-8 is cut behind a ">".
    const hint = bytes.lastIndexOf(this.#hint);
    const end = hint === -1 ? bytes.lastIndexOf('>') + 1 : hint + this.#hint.length;
    if (end === 0) {
      this.#parts = [bytes];
      this.#wanted = bytes.length * 2;
      return;
    }
    this.#read(bytes.subarray(0, end), false);
    this.#parts = [bytes.subarray(end)];
    this.#size = bytes.length - end;
    this.#wanted = Math.max(this.#least, this.#text.length * 2);
  }

  /** The split elements that have become complete since the last call. */
  take(): readonly T[] {
    const ready = this.#ready;
    if (ready.length > 0) this.#ready = [];
    return ready;
  }

  /** The whole, without its split elements; `take` has the last ones of them. @throws XmlError when it ends in the middle. */
  close(): XmlNode {
    this.#read(Buffer.concat(this.#parts), true);
    if (this.#root === null) throw new XmlEnd();
    return this.#root;
  }

  #read(bytes: Uint8Array, whole: boolean): void {
    const xml = this.#xml;
    xml.begin(this.#text + this.#textOf(bytes));
    for (;;) {
      const place = xml.place();
      try {
        if (!this.#step()) break;
      } catch (error) {
        if (whole || !(error instanceof XmlEnd)) throw error;
        xml.return(place);
        break;
      }
    }
    this.#text = xml.left();
  }

  #textOf(bytes: Uint8Array): string {
    if (isAscii(bytes)) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    try {
      return this.#decoder.decode(bytes);
    } catch {
      throw new XmlError('it is not UTF-8');
    }
  }

  /** Whatever comes next. @returns false when nothing does */
  #step(): boolean {
    const xml = this.#xml;
    if (!this.#begun) {
      xml.declaration();
      this.#begun = true;
      return true;
    }
    const top = this.#open.at(-1);
    if (top === undefined) {
      if (!xml.between()) return false;
      if (xml.isAside()) xml.aside();
      else if (this.#root === null) this.#opened(undefined);
      else throw new XmlError('it is not well-formed XML: a second outermost element');
      return true;
    }
    if (xml.isAtEnd()) return false;
    const text = xml.characters();
    if (text !== '') top.node.text += text;
    else if (xml.isAside()) top.node.text += xml.aside();
    else if (xml.nextTag()) this.#opened(top.node);
    else {
      xml.close(top.qname);
      this.#open.pop();
      if (top.node.children.length > 0) top.node.text = '';
      if (this.#open.length === 0) this.#root = top.node;
    }
    return true;
  }

  #opened(parent: XmlNode | undefined): void {
    const xml = this.#xml;
    xml.open();
    const split = this.#split;
    if (split !== null && parent?.name === split.parent && localName(xml.qname) === split.name) {
      xml.forgetCount();
      this.#ready.push(split.read(xml));
      return;
    }
    const { qname, empty } = xml;
    const node = nodeOf(xml);
    if (!empty) {
      xml.down();
      this.#open.push({ qname, node });
    } else if (parent === undefined) this.#root = node;
    parent?.children.push(node);
  }
}

/** An element, whose start tag has just been read, as a tree. */
export function treeOf(xml: XmlText): XmlNode {
  const { qname } = xml;
  const node = nodeOf(xml);
  if (xml.empty) return node;
  xml.down();
  let text = '';
  for (;;) {
    text += xml.characters();
    if (xml.isAside()) text += xml.aside();
    else if (xml.nextTag()) {
      xml.open();
      node.children.push(treeOf(xml));
    } else {
      xml.close(qname);
      if (node.children.length === 0) node.text = text;
      return node;
    }
  }
}

function nodeOf({ qname, type, ref }: XmlText): XmlNode {
  return { name: localName(qname), type, ref, children: [], text: '' };
}

export function childOf(node: XmlNode, name: string): XmlNode | undefined {
  return node.children.find((child) => child.name === name);
}
