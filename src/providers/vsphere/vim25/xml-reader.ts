/**
 * XML as it comes over the wire, into small trees. Elements of one place (`split`) are handed over one at a time and kept
 * nowhere, so that an answer may be as long as it likes. Document types, and with them entities, are refused; depth, sizes
 * and counts are bounded.
 */
import { SaxesParser } from 'saxes';

export type XmlNode = {
  /** Without prefix. */
  readonly name: string;
  /** The local name in xsi:type, under whatever prefix (vCenter writes xsi, others differ); '' when there is none. */
  readonly type: string;
  /** The plain attribute `type` of a reference; ''. */
  readonly ref: string;
  readonly children: XmlNode[];
  /** Of an element without children. */
  text: string;
};

/** What is not XML, or more of it than anybody needs. */
export class XmlError extends Error {
  override readonly name = 'XmlError';
}

export type Split = { readonly parent: string; readonly name: string };

const limits = {
  depth: 96,
  /** Characters of one text, tag or comment: the longest honest one is a note or an OVF environment. */
  piece: 16 * 1024 * 1024,
  attributes: 64,
  /** Elements and characters of one object, or of everything around the objects. */
  elements: 2_000_000,
  characters: 256 * 1024 * 1024,
};

export class XmlReader {
  readonly #parser = new SaxesParser();
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  readonly #open: XmlNode[] = [];
  readonly #split: Split | null;
  #ready: XmlNode[] = [];
  #root: XmlNode | null = null;
  #elements = 0;
  #characters = 0;
  /** Characters since the parser last told of anything. */
  #silent = 0;

  constructor(split: Split | null) {
    this.#split = split;
    this.#parser.on('error', (error) => {
      throw new XmlError(`it is not well-formed XML: ${error.message.slice(0, 200)}`);
    });
    this.#parser.on('doctype', () => {
      throw new XmlError('it declares a document type');
    });
    this.#parser.on('opentag', (tag) => this.#opened(tag.name, tag.attributes));
    const append = (text: string): void => this.#text(text);
    this.#parser.on('text', append);
    this.#parser.on('cdata', append);
    this.#parser.on('closetag', () => this.#closed());
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
      const piece = text.slice(at, at + 65_536);
      this.#silent += piece.length;
      if (this.#silent > limits.piece) throw new XmlError(`one piece of it is longer than ${limits.piece} characters`);
      this.#characters += piece.length;
      if (this.#characters > limits.characters) throw new XmlError('one object of it is too large');
      this.#parser.write(piece);
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
    this.#parser.close();
    if (this.#root === null || this.#open.length > 0) throw new XmlError('it ends in the middle');
    return this.#root;
  }

  #opened(name: string, attributes: Readonly<Record<string, string>>): void {
    this.#silent = 0;
    this.#elements += 1;
    if (this.#elements > limits.elements)
      throw new XmlError(`it has more than ${limits.elements} elements in one object`);
    if (this.#open.length >= limits.depth) throw new XmlError(`it is nested deeper than ${limits.depth} elements`);
    let type = '';
    let ref = '';
    let count = 0;
    for (const key in attributes) {
      count += 1;
      if (key === 'type') ref = attributes[key] ?? '';
      else if (key.endsWith(':type')) type = localName(attributes[key] ?? '');
    }
    if (count > limits.attributes) throw new XmlError('an element has too many attributes');
    this.#open.push({ name: localName(name), type, ref, children: [], text: '' });
  }

  #text(text: string): void {
    this.#silent = 0;
    const node = this.#open.at(-1);
    if (node === undefined) return;
    if (node.text.length + text.length > limits.piece) throw new XmlError('a text in it is too long');
    node.text = node.text === '' ? text : node.text + text;
  }

  #closed(): void {
    this.#silent = 0;
    const node = this.#open.pop();
    if (node === undefined) return;
    if (node.children.length > 0) node.text = '';
    const parent = this.#open.at(-1);
    if (parent === undefined) this.#root = node;
    else if (this.#split !== null && node.name === this.#split.name && parent.name === this.#split.parent) {
      this.#ready.push(node);
      this.#elements = 0;
      this.#characters = 0;
    } else parent.children.push(node);
  }
}

export function childOf(node: XmlNode, name: string): XmlNode | undefined {
  return node.children.find((child) => child.name === name);
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}
