/**
 * XML as it comes over the wire, into small trees. Elements of one place (`split`) are handed over one at a time and kept
 * nowhere, so that an answer may be as long as it likes. Document types, and with them entities, are refused; depth, sizes
 * and counts are bounded.
 */
import { type Tag, XmlError, XmlScanner } from './xml-scanner.ts';

export { XmlError } from './xml-scanner.ts';

export type XmlNode = {
  /** Without prefix. */
  readonly name: string;
  /** The local name in xsi:type, under whatever prefix (vCenter writes xsi, others differ); '' when there is none. */
  readonly type: string;
  /** The plain attribute `type` of a reference; ''. */
  readonly ref: string;
  readonly children: readonly XmlNode[];
  /** Of an element without children. */
  readonly text: string;
};

export type Split = { readonly parent: string; readonly name: string };

const limits = {
  depth: 96,
  /** Characters of one text: the longest honest one is a note or an OVF environment. */
  piece: 16 * 1024 * 1024,
  /** Elements and characters of one object, or of everything around the objects. */
  elements: 2_000_000,
  characters: 256 * 1024 * 1024,
};

/** Most elements have no children. */
const none: readonly XmlNode[] = Object.freeze([]);

class Node implements XmlNode {
  readonly name: string;
  readonly type: string;
  readonly ref: string;
  children: readonly XmlNode[] = none;
  text = '';
  #own: XmlNode[] | null = null;

  constructor(tag: Tag) {
    this.name = tag.local;
    this.type = tag.type;
    this.ref = tag.ref;
  }

  add(child: XmlNode): void {
    if (this.#own === null) {
      this.#own = [child];
      this.children = this.#own;
    } else this.#own.push(child);
  }
}

export class XmlReader {
  readonly #scanner = new XmlScanner({
    opened: (tag) => this.#opened(tag),
    closed: () => this.#closed(),
    text: (text) => this.#text(text),
  });
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  readonly #open: Node[] = [];
  readonly #split: Split | null;
  #ready: XmlNode[] = [];
  #root: XmlNode | null = null;
  #elements = 0;
  #characters = 0;

  constructor(split: Split | null) {
    this.#split = split;
  }

  /** @throws XmlError */
  write(chunk: Uint8Array): void {
    let text: string;
    try {
      text = this.#decoder.decode(chunk, { stream: true });
    } catch {
      throw new XmlError('it is not UTF-8');
    }
    for (let at = 0; at < text.length; at += 65_536) {
      const piece = text.length <= 65_536 ? text : text.slice(at, at + 65_536);
      this.#characters += piece.length;
      if (this.#characters > limits.characters) throw new XmlError('one object of it is too large');
      this.#scanner.write(piece);
    }
  }

  /** The split elements that have become complete since the last call. */
  take(): readonly XmlNode[] {
    const ready = this.#ready;
    if (ready.length > 0) this.#ready = [];
    return ready;
  }

  /** The whole, without its split elements. @throws XmlError when it ends in the middle. */
  close(): XmlNode {
    try {
      this.#decoder.decode();
    } catch {
      throw new XmlError('it is not UTF-8');
    }
    this.#scanner.close();
    if (this.#root === null || this.#open.length > 0) throw new XmlError('it ends in the middle');
    return this.#root;
  }

  #opened(tag: Tag): void {
    this.#elements += 1;
    if (this.#elements > limits.elements)
      throw new XmlError(`it has more than ${limits.elements} elements in one object`);
    if (this.#open.length >= limits.depth) throw new XmlError(`it is nested deeper than ${limits.depth} elements`);
    if (this.#root !== null) throw new XmlError('it goes on behind its end');
    this.#open.push(new Node(tag));
  }

  #text(text: string): void {
    const node = this.#open.at(-1);
    if (node === undefined) {
      if (text.trim() !== '') throw new XmlError('it has text outside of its elements');
      return;
    }
    if (node.children.length > 0) return;
    if (node.text.length + text.length > limits.piece) throw new XmlError('a text in it is too long');
    node.text = node.text === '' ? text : node.text + text;
  }

  #closed(): void {
    const node = this.#open.pop();
    if (node === undefined) return;
    if (node.children.length > 0) node.text = '';
    const parent = this.#open.at(-1);
    if (parent === undefined) this.#root = node;
    else if (this.#split !== null && node.name === this.#split.name && parent.name === this.#split.parent) {
      this.#ready.push(node);
      this.#elements = 0;
      this.#characters = 0;
    } else parent.add(node);
  }
}

export function childOf(node: XmlNode, name: string): XmlNode | undefined {
  return node.children.find((child) => child.name === name);
}
