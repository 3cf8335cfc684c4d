/** What saxes makes of XML: the judge of our own reader, which is the faster one. */
import { SaxesParser } from 'saxes';
import type { XmlNode } from '../../src/providers/vsphere/vim25/xml-reader.ts';

/** The whole of it. @throws an Error for what is not well-formed, declares a document type, or is nested too deep */
export function judgedTree(text: string): XmlNode {
  const parser = new SaxesParser();
  const open: XmlNode[] = [];
  let root: XmlNode | null = null;
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('doctype', () => {
    throw new Error('a document type');
  });
  parser.on('opentag', ({ name, attributes }) => {
    if (open.length >= 96) throw new Error('nested too deep');
    let type = '';
    for (const key in attributes) if (key.endsWith(':type')) type = local(attributes[key] ?? '');
    open.push({ name: local(name), type, ref: attributes['type'] ?? '', children: [], text: '' });
  });
  const append = (more: string): void => {
    const node = open.at(-1);
    if (node !== undefined) node.text += more;
  };
  parser.on('text', append);
  parser.on('cdata', append);
  parser.on('closetag', () => {
    const node = open.pop();
    if (node === undefined) return;
    if (node.children.length > 0) node.text = '';
    const parent = open.at(-1);
    if (parent === undefined) root = node;
    else parent.children.push(node);
  });
  parser.write(text).close();
  if (root === null) throw new Error('nothing');
  return root;
}

function local(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}
