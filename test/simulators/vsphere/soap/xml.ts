/** XML of a request as a small tree. No DOCTYPE, no entities but XML's own five; size and depth are bounded. */
import { SaxesParser } from 'saxes';
import { SoapError } from './fault.ts';

export type Element = {
  readonly uri: string;
  readonly name: string;
  /** Attributes without prefix by their name; those of XML Schema instance as `xsi:type` and so on, whatever the prefix. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: Element[];
  text: string;
  readonly line: number;
};

const xsi = 'http://www.w3.org/2001/XMLSchema-instance';

export function parseXml(text: string): Element {
  const parser = new SaxesParser({ xmlns: true });
  const open: Element[] = [];
  let root: Element | undefined;
  parser.on('error', (error) => {
    throw new SoapError('ServerFaultCode', `XML document is invalid: ${error.message}`);
  });
  parser.on('doctype', () => {
    throw new SoapError('ServerFaultCode', 'XML document is invalid: a DOCTYPE');
  });
  parser.on('opentag', (tag) => {
    const attributes = new Map<string, string>();
    for (const { uri, local, name, value } of Object.values(tag.attributes)) {
      if (name !== 'xmlns' && !name.startsWith('xmlns:')) attributes.set(uri === xsi ? `xsi:${local}` : local, value);
    }
    const element = { uri: tag.uri, name: tag.local, attributes, children: [], text: '', line: parser.line };
    if (open.length > 64) throw new SoapError('ServerFaultCode', 'XML document is invalid: nested too deep');
    open.at(-1)?.children.push(element);
    root ??= element;
    open.push(element);
  });
  parser.on('text', (part) => {
    const element = open.at(-1);
    if (element !== undefined) element.text += part;
  });
  parser.on('cdata', (part) => {
    const element = open.at(-1);
    if (element !== undefined) element.text += part;
  });
  parser.on('closetag', () => {
    open.pop();
  });
  parser.write(text).close();
  if (root === undefined) throw new SoapError('ServerFaultCode', 'XML document is empty');
  return root;
}
