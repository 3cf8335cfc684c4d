import { SaxesParser, type SaxesTagNS } from 'saxes';
import { WherryError } from '../../model/errors.ts';

/**
 * XML as a small tree, with namespaces told apart by their URI whatever their prefixes. Nothing outside of the text is
 * ever looked at: a DOCTYPE (the way to entities and files) is refused, size, depth and counts are bounded.
 */
export type Element = {
  readonly space: Space;
  /** Without prefix. */
  readonly name: string;
  /** `space:name` → value; attributes without a prefix are in space `none`. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: Element[];
  /** Own text, trimmed. */
  readonly text: string;
};

export type Space = 'ovf' | 'rasd' | 'vssd' | 'vmw' | 'vbox' | 'ovirt' | 'xen' | 'xsi' | 'xmlns' | 'none' | 'other';

/** Whose file it is, for errors. */
export type Where = { readonly path: string; readonly member: string };

export const maxXmlBytes = 16 * 1024 * 1024;
const limits = { depth: 64, elements: 200_000, attributes: 512 };

const spaces: readonly (readonly [RegExp, Space])[] = [
  [/^http:\/\/schemas\.dmtf\.org\/ovf\/envelope\/[12]\/?$/, 'ovf'],
  [/^http:\/\/www\.vmware\.com\/schema\/ovf\/1\/envelope$/, 'ovf'],
  [/CIM_(Resource|Storage|EthernetPort)AllocationSettingData(\.xsd)?$/, 'rasd'],
  [/CIM_VirtualSystemSettingData(\.xsd)?$/, 'vssd'],
  [/^http:\/\/www\.vmware\.com\/schema\/ovf/, 'vmw'],
  [/^http:\/\/www\.virtualbox\.org\/ovf\/machine$/, 'vbox'],
  [/^http:\/\/www\.ovirt\.org\/ovf/, 'ovirt'],
  [/citrix\.com\/(ovf|xenclient\/ovf)/, 'xen'],
  [/^http:\/\/www\.w3\.org\/2001\/XMLSchema-instance$/, 'xsi'],
  [/^http:\/\/www\.w3\.org\/2000\/xmlns\/$/, 'xmlns'],
  [/^$/, 'none'],
];

export function spaceOf(uri: string): Space {
  return spaces.find(([pattern]) => pattern.test(uri))?.[1] ?? 'other';
}

/** @throws ova.encoding, ova.doctype, ova.bad_ovf */
export function parseXml(data: Buffer, where: Where): Element {
  const text = decode(data, where);
  const parser = new SaxesParser({ xmlns: true });
  const bad = (problem: string, cause?: unknown): WherryError =>
    new WherryError('ova.bad_ovf', { ...where, problem }, cause);
  const open: OpenElement[] = [];
  let root: Element | undefined;
  let elements = 0;
  parser.on('error', (error) => {
    throw bad('it is not well-formed XML', error);
  });
  parser.on('doctype', () => {
    throw new WherryError('ova.doctype', where);
  });
  parser.on('opentag', (tag) => {
    elements += 1;
    if (elements > limits.elements) throw bad(`it has more than ${limits.elements} elements`);
    if (open.length >= limits.depth) throw bad(`it is nested deeper than ${limits.depth} elements`);
    if (Object.keys(tag.attributes).length > limits.attributes) throw bad('an element has too many attributes');
    open.push(begin(tag));
  });
  const append = (piece: string): void => {
    open.at(-1)?.pieces.push(piece);
  };
  parser.on('text', append);
  parser.on('cdata', append);
  parser.on('closetag', () => {
    const last = open.pop();
    if (last === undefined) return;
    const element: Element = { ...last.element, text: last.pieces.join('').trim() };
    const parent = open.at(-1);
    if (parent === undefined) root = element;
    else parent.element.children.push(element);
  });
  // In pieces, so that a limit ends the work where it is passed.
  for (let at = 0; at < text.length; at += 65_536) parser.write(text.slice(at, at + 65_536));
  parser.close();
  if (root === undefined) throw bad('it is empty');
  return root;
}

/** The value of an attribute in its space or, as many tools write it, without one. */
export function attribute(element: Element, space: Space, name: string): string | null {
  return element.attributes.get(`${space}:${name}`) ?? element.attributes.get(`none:${name}`) ?? null;
}

export function childrenOf(element: Element, space: Space, name: string): Element[] {
  return element.children.filter((child) => child.name === name && fits(child.space, space));
}

export function childOf(element: Element, space: Space, name: string): Element | null {
  return element.children.find((child) => child.name === name && fits(child.space, space)) ?? null;
}

/** The text of a child; null when it is not there or empty. */
export function textOf(element: Element | null, space: Space, name: string): string | null {
  const text = element === null ? undefined : childOf(element, space, name)?.text;
  return text === undefined || text === '' ? null : text;
}

type OpenElement = { readonly element: Omit<Element, 'text'>; readonly pieces: string[] };

/** Elements without any namespace pass as OVF's own: some tools forget the declaration. */
function fits(actual: Space, wanted: Space): boolean {
  return actual === wanted || (actual === 'none' && wanted === 'ovf');
}

function begin(tag: SaxesTagNS): OpenElement {
  const attributes = new Map<string, string>();
  for (const { uri, local, value } of Object.values(tag.attributes)) attributes.set(`${spaceOf(uri)}:${local}`, value);
  // The older dialect, still oVirt's, names sections by their type: <Section xsi:type="ovf:DiskSection_Type">.
  const typed = /^(?:[^:]*:)?(\w+)_Type$/.exec(attributes.get('xsi:type') ?? '')?.[1];
  const name = typed !== undefined && (tag.local === 'Section' || tag.local === 'Content') ? typed : tag.local;
  return { element: { space: spaceOf(tag.uri), name, attributes, children: [] }, pieces: [] };
}

function decode(data: Buffer, where: Where): string {
  const refuse = (encoding: string): WherryError => new WherryError('ova.encoding', { ...where, encoding });
  const [first = 0, second = 0] = data;
  if ((first === 0xfe && second === 0xff) || (first === 0xff && second === 0xfe)) throw refuse('UTF-16');
  if (data.length >= 2 && (first === 0 || second === 0)) throw refuse('UTF-16 or UTF-32');
  const declared = /^(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([^"']*)["']/.exec(
    data.toString('latin1', 0, 200),
  );
  const encoding = declared?.[1] ?? 'UTF-8';
  // XenCenter declares UTF-16 and writes UTF-8: a declaration that can be read as here is not UTF-16.
  if (!/^(utf-?8|utf-16|us-ascii|ascii)$/i.test(encoding)) throw refuse(encoding.slice(0, 40));
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(data);
  } catch (error) {
    throw new WherryError('ova.encoding', { ...where, encoding: 'something that is not UTF-8' }, error);
  }
}
