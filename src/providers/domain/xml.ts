/** XML as libvirt writes and reads it: a small tree in, escaped text out. No DTDs, no entities but XML's own five. */
import { SaxesParser } from 'saxes';

export type XmlElement = {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** Its own text, without that of its children. */
  readonly text: string;
};

/** Far beyond what a host with a thousand devices writes. */
const limits = { depth: 100, elements: 100_000 };

type Open = { name: string; attributes: Record<string, string>; children: Open[]; text: string };

/** @throws Error when the text is not well-formed, declares a document type, or is deeper or longer than any we know. */
export function parseXml(text: string): XmlElement {
  const parser = new SaxesParser();
  const root: Open = { name: '', attributes: {}, children: [], text: '' };
  const open: Open[] = [root];
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('doctype', () => {
    throw new Error('a document type is not accepted');
  });
  let elements = 0;
  parser.on('opentag', (tag) => {
    elements += 1;
    if (open.length > limits.depth || elements > limits.elements) throw new Error('it has more elements than it may');
    const element: Open = { name: tag.name, attributes: { ...tag.attributes }, children: [], text: '' };
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  const addText = (part: string): void => {
    const element = open.at(-1);
    if (element !== undefined) element.text += part;
  };
  parser.on('text', addText);
  parser.on('cdata', addText);
  parser.on('closetag', () => {
    open.pop();
  });
  parser.write(text).close();
  const first = root.children[0];
  if (first === undefined) throw new Error('there is no element');
  return first;
}

/** The first element on a path of names below `element`. */
export function findXml(element: XmlElement, ...path: readonly string[]): XmlElement | undefined {
  return allXml(element, ...path)[0];
}

export function allXml(element: XmlElement, ...path: readonly string[]): readonly XmlElement[] {
  let level: readonly XmlElement[] = [element];
  for (const name of path) level = level.flatMap((e) => e.children.filter((child) => child.name === name));
  return level;
}

/** Safe as text and inside either kind of quotes. What XML 1.0 cannot hold at all becomes U+FFFD. */
export function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\u{fffd}')
    .replace(/[&<>"'\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}
