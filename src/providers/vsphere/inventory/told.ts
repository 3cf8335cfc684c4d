/** What a server tells of an object, from the text of its answer. */
import { decodeRef, FormatError } from '../vim25/decode.ts';
import { readRef, readValue } from '../vim25/read-values.ts';
import { typeAtPath, type Ref } from '../vim25/schema.ts';
import { VimFault } from '../vim25/soap.ts';
import { UsualElement } from '../vim25/usual-elements.ts';
import { childOf, treeOf, type XmlNode } from '../vim25/xml-reader.ts';
import { localName } from '../vim25/xml-characters.ts';
import type { XmlText } from '../vim25/xml-text.ts';
import { ManagedProps } from './props.ts';

export type Told = {
  /** enter, modify or leave, when it is news; ''. */
  readonly kind: string;
  readonly ref: Ref;
  /** Or which property could not be read, and why. */
  readonly props: ManagedProps | FormatError;
};

/**
 * An ObjectContent, or an ObjectUpdate that tells all of its object: an element whose start tag has just been read.
 * @throws FormatError when it does not say whose properties these are; VimFault when the session ended: an answer then comes
 * all the same, with every property missing
 */
export function readTold(xml: XmlText): Told {
  const begun = xml.place();
  try {
    return readInOrder(xml);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    // It is read to its end all the same, for those behind it.
    xml.return(begun);
    const node = treeOf(xml);
    const obj = childOf(node, 'obj');
    if (obj === undefined) throw error;
    return { kind: childOf(node, 'kind')?.text ?? '', ref: decodeRef(obj), props: error };
  }
}

/** In the protocol's order: the reference comes before the properties, and a property's name before its value. */
function readInOrder(xml: XmlText): Told {
  const values = new Map<string, unknown>();
  let kind = '';
  let ref: Ref | null = null;
  let last: Property = unknown;
  if (!xml.empty) {
    const { qname } = xml;
    let name = '';
    xml.down();
    while (xml.nextTag()) {
      const usual = last.next;
      if (usual?.usual.isNext(xml) === true) {
        values.set(usual.name, usual.usual.value);
        last = usual;
        continue;
      }
      const from = xml.here();
      xml.open(name);
      name = xml.qname;
      switch (localName(name)) {
        case 'kind':
          kind = xml.content();
          break;
        case 'obj':
          ref = readRef(xml);
          last = propertyOf(ref.type, '') ?? unknown;
          break;
        case 'propSet':
        case 'changeSet':
          if (ref === null) throw new FormatError('an object without its reference');
          last = readProperty(xml, ref.type, last, values, from);
          break;
        case 'missingSet':
          refuseWithout(treeOf(xml));
          break;
        default:
          xml.skip();
      }
    }
    xml.close(qname);
  }
  if (ref === null) throw new FormatError('an object without its reference');
  return { kind, ref, props: new ManagedProps(ref, values) };
}

/** What the table has of a kind of object. Most likely the `next` one is told after it, as it was the last time. */
type Property = {
  readonly name: string;
  readonly notation: string | null;
  next: Property | null;
  /** With its value, as most objects have it. */
  readonly usual: UsualElement<unknown>;
};

/** Whatever the table has not: its value is read as it says itself. */
const unknown: Property = Object.freeze({ name: '', notation: null, next: null, usual: new UsualElement() });

/** @param from where its element begins. @returns which one it was */
function readProperty(
  xml: XmlText,
  type: string,
  last: Property,
  values: Map<string, unknown>,
  from: number,
): Property {
  if (xml.empty) return last;
  const { qname } = xml;
  let property = unknown;
  let told: string | null = null;
  let valued = false;
  xml.down();
  while (xml.nextTag()) {
    xml.open(told === null ? 'name' : 'val');
    const name = localName(xml.qname);
    if (name === 'name' && told === null) {
      told = xml.content();
      if (last.next?.name === told) property = last.next;
      else {
        property = propertyOf(type, told) ?? unknown;
        if (last !== unknown && property !== unknown) last.next = property;
      }
    } else if (name === 'val' && !valued) {
      valued = true;
      try {
        values.set(property === unknown ? (told ?? '') : property.name, readValue(xml, property.notation));
      } catch (error) {
        throw error instanceof FormatError ? new FormatError(`${told ?? ''}: ${error.message}`) : error;
      }
    } else xml.skip();
  }
  xml.close(qname);
  if (property === unknown) return last;
  if (valued && property === last.next) property.usual.missed(xml, from, values.get(property.name));
  return property;
}

/** By kind of object, then by name; under '' what stands before the first one. */
const properties = new Map<string, Map<string, Property>>();

function propertyOf(type: string, name: string): Property | null {
  const known = properties.get(type)?.get(name);
  if (known !== undefined) return known;
  const notation = name === '' ? null : typeAtPath(type, name);
  // Only what the table has is kept: of a server's own words there is no end.
  if (notation === null && (name !== '' || typeAtPath(type, 'name') === null)) return null;
  // A copy: a part of a text keeps all of it.
  const property = { name: Buffer.from(name).toString(), notation, next: null, usual: new UsualElement() };
  const ofType = properties.get(type) ?? new Map<string, Property>();
  properties.set(Buffer.from(type).toString(), ofType.set(property.name, property));
  return property;
}

function refuseWithout(missing: XmlNode): void {
  const fault = childOf(childOf(missing, 'fault') ?? missing, 'fault');
  if (fault?.type === 'NotAuthenticated') {
    throw new VimFault({ _type: 'NotAuthenticated', faultMessage: [] }, 'properties are missing because of it');
  }
}
