/**
 * Values straight from the text of a long answer, along the table: what decode.ts makes of a tree, without the tree. Answers
 * are read tolerantly: unknown fields are skipped, an unknown subtype is its declared type.
 *
 * Each of these reads an element whose start tag has just been read, through its end tag.
 */
import { booleanOf, FormatError, integerOf, isScalar } from './decode.ts';
import { fieldsOf, isSubtype, isTypeName, readNotation, type Notation, type Ref, type TypeName } from './schema.ts';
import { UsualElement } from './usual-elements.ts';
import { localName } from './xml-characters.ts';
import type { XmlText } from './xml-text.ts';

type Bag = Record<string, unknown>;

type Want = Notation & {
  /** Of objects. */
  readonly shape: Shape | null;
};

type Field = {
  readonly name: string;
  readonly want: Want;
  /** The one that came after it last time: most likely it does so again. */
  next: Field | null;
  /** Of a list of objects: the first of them. */
  readonly usual: UsualElement<Bag> | null;
};

/** A type, ready to be read. */
type Shape = {
  readonly name: TypeName;
  readonly fields: ReadonlyMap<string, Field>;
  /** Stands before the first one. */
  readonly start: { next: Field | null };
  /** Fields that are there whatever was told, and those that have to be told. */
  readonly lists: readonly string[];
  readonly required: readonly string[];
  /** Types that it may be instead. */
  readonly derived: Map<string, Shape>;
};

/**
 * A value at a place of this notation; null for one that is only known by the type which it carries.
 * @throws FormatError
 */
export function readValue(xml: XmlText, notation: string | null): unknown {
  if (notation === null || notation === 'any' || notation === 'any?') return anything(xml);
  const want = wantOf(notation);
  return want.many ? each(xml, want) : single(xml, want);
}

export function readRef(xml: XmlText): Ref {
  const type = xml.ref === '' ? xml.type : xml.ref;
  return { type, value: xml.content() };
}

/** The elements of an array, whatever they are called. */
function each(xml: XmlText, want: Want | null): unknown[] {
  const values: unknown[] = [];
  if (xml.empty) return values;
  const { qname } = xml;
  let name = '';
  xml.down();
  while (xml.nextTag()) {
    xml.open(name);
    name = xml.qname;
    values.push(want === null ? anything(xml) : single(xml, want));
  }
  xml.close(qname);
  return values;
}

function anything(xml: XmlText): unknown {
  const { type } = xml;
  if (type === 'ManagedObjectReference' || xml.ref !== '') return readRef(xml);
  if (type === 'string') return xml.content();
  if (type.startsWith('ArrayOf')) {
    const of = type.slice('ArrayOf'.length);
    if (of === 'AnyType') return each(xml, null);
    if (of === 'ManagedObjectReference') return each(xml, wantOf('&ManagedObject'));
    const scalar = of.charAt(0).toLowerCase() + of.slice(1);
    return each(xml, wantOf(isTypeName(of) ? of : isScalar(scalar) ? scalar : 'string'));
  }
  if (isScalar(type)) return single(xml, wantOf(type));
  if (isTypeName(type)) return object(xml, shapeOf(type));
  // Enumerations are types of their own on the wire, and text.
  const text = xml.content();
  return xml.hadChildren ? { _type: type } : text;
}

function single(xml: XmlText, want: Want): unknown {
  if (want.shape !== null) return object(xml, want.shape);
  if (want.kind === 'reference') return readRef(xml);
  const { qname } = xml;
  switch (want.name) {
    case 'string':
    case 'dateTime':
      return xml.content();
    case 'boolean':
      return booleanOf(xml.content(), qname);
    case 'byte':
    case 'short':
    case 'int':
    case 'long': {
      const value = xml.digits(qname);
      return value === -1 ? integerOf(xml.content(), qname) : value;
    }
    case 'double':
      return Number(xml.content());
    case 'any':
      return anything(xml);
    default:
      throw new FormatError(`${localName(qname)} is of an unknown type: ${want.name}`);
  }
}

function object(xml: XmlText, declared: Shape): Bag {
  const { type } = xml;
  const shape = type === '' || type === declared.name ? declared : derivedOf(declared, type);
  const bag = fieldsIn(xml, shape);
  bag['_type'] = type === '' ? shape.name : type;
  return bag;
}

function fieldsIn(xml: XmlText, shape: Shape): Bag {
  const bag: Bag = {};
  if (!xml.empty) {
    const { qname } = xml;
    let last: { next: Field | null } = shape.start;
    let usual: UsualElement<Bag> | null = null;
    xml.down();
    while (xml.nextTag()) {
      const guess = last.next;
      if (guess !== null && guess.usual !== null) {
        usual = guess === last && usual !== null ? usual.next() : guess.usual;
        if (usual?.isNext(xml) === true) {
          add(bag, guess.name, usual.value);
          last = guess;
          continue;
        }
      }
      const from = xml.here();
      let field = guess;
      xml.open(guess?.name);
      if (guess === null || xml.qname !== guess.name) {
        field = shape.fields.get(localName(xml.qname)) ?? null;
        if (field === null) {
          xml.skip();
          continue;
        }
        last.next = field;
      }
      if (field === null) continue;
      last = field;
      const { name, want } = field;
      const value = single(xml, want);
      if (!want.many) bag[name] = value;
      else {
        add(bag, name, value);
        if (field === guess && field.usual !== null) usual?.missed(xml, from, value as Bag);
      }
    }
    xml.close(qname);
  }
  for (const name of shape.lists) bag[name] ??= [];
  for (const name of shape.required)
    if (bag[name] === undefined) throw new FormatError(`${shape.name}.${name} is missing`);
  return bag;
}

function add(bag: Bag, name: string, value: unknown): void {
  const list = bag[name];
  if (Array.isArray(list)) list.push(value);
  else bag[name] = [value];
}

function derivedOf(declared: Shape, type: string): Shape {
  const known = declared.derived.get(type);
  if (known !== undefined) return known;
  // Only what the table has is kept: of a server's own words there is no end.
  if (!isTypeName(type) || !isSubtype(type, declared.name)) return declared;
  const shape = shapeOf(type);
  declared.derived.set(type, shape);
  return shape;
}

const shapes = new Map<TypeName, Shape>();

function shapeOf(name: TypeName): Shape {
  const known = shapes.get(name);
  if (known !== undefined) return known;
  const fields = new Map<string, Field>();
  const notations = [...fieldsOf(name)].map(([field, notation]) => [field, readNotation(notation)] as const);
  const shape: Shape = {
    name,
    fields,
    start: { next: null },
    lists: notations.flatMap(([field, { many }]) => (many ? [field] : [])),
    required: notations.flatMap(([field, { many, optional }]) => (many || optional ? [] : [field])),
    derived: new Map(),
  };
  // Types hold one another: it has to be there before what it holds.
  shapes.set(name, shape);
  for (const [field, notation] of fieldsOf(name)) {
    const want = wantOf(notation);
    const usual = want.many && want.kind === 'object' ? new UsualElement<Bag>() : null;
    fields.set(field, { name: field, want, next: null, usual });
  }
  return shape;
}

const wants = new Map<string, Want>();

function wantOf(notation: string): Want {
  const known = wants.get(notation);
  if (known !== undefined) return known;
  const read = readNotation(notation);
  const want: Want = { ...read, shape: read.kind === 'object' ? shapeOf(read.name as TypeName) : null };
  wants.set(notation, want);
  return want;
}
