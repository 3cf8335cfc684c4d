import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { judgedTree } from '../../../../test/judges/xml.ts';
import { treeOf, XmlError, XmlReader, type XmlNode } from './xml-reader.ts';

const recorded = readFileSync(new URL('fixtures/vcsim-0.24.2-answer.xml', import.meta.url), 'utf8');
const split = { parent: 'returnval', name: 'objects', read: treeOf };

/** Cut wherever `sizes` say, by turns. */
function readInPieces(
  bytes: Buffer,
  sizes: readonly number[],
  least = 1,
): { readonly root: XmlNode; readonly objects: XmlNode[] } {
  const reader = new XmlReader(split, least);
  const objects: XmlNode[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    reader.write(bytes.subarray(at, at + size));
    objects.push(...reader.take());
    at += size;
  }
  const root = reader.close();
  return { root, objects: [...objects, ...reader.take()] };
}

function readWhole(text: string): XmlNode {
  const reader = new XmlReader(null);
  reader.write(Buffer.from(text));
  return reader.close();
}

/** What it is, or that it is nothing. Anything but a refusal in words is an error of ours. */
function outcome(read: () => XmlNode, refusal: abstract new (...of: never[]) => Error): XmlNode | 'refused' {
  try {
    return read();
  } catch (error) {
    if (error instanceof refusal) return 'refused';
    throw error;
  }
}

const ours = (text: string): unknown => outcome(() => readWhole(text), XmlError);
const judged = (text: string): unknown => outcome(() => judgedTree(text), Error);

const space = fc.constantFrom('', ' ', '\n', '\t', '\r\n');
const gap = fc.constantFrom(' ', '\n', '  ', '\r\n\t');
const someName = fc.constantFrom(
  'a',
  'val',
  'objects',
  'returnval',
  'x:objects',
  'xsi:val',
  'a-b.c',
  '_1',
  'größe',
  'ns:é',
);
const someText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }).map(escaped),
  fc.constantFrom('', '42', ' \r\n ', '&amp;&#x41;&#10;', '日本', '😀', ']]', '>', '\r', '&#13;', '&lt;objects>'),
);
const attribute = fc
  .tuple(
    gap,
    fc.constantFrom('type', 'xsi:type', 'X:type', 'xmlns:X', 'a', 'é'),
    space,
    space,
    fc.constantFrom('"', "'"),
    someText,
  )
  .map(
    ([before, key, left, right, quote, value]) =>
      [key, `${before}${key}${left}=${right}${quote}${value.replaceAll(quote, '')}${quote}`] as const,
  );
const attributes = fc
  .uniqueArray(attribute, { maxLength: 4, selector: ([key]) => key })
  .map((list) => list.map(([, written]) => written).join(''));
const besides = fc.constantFrom(
  '<!-- - -->',
  '<!---->',
  '<?pi?>',
  '<?pi some?thing?>',
  '<![CDATA[ <objects> & ]]>',
  '<![CDATA[]]>',
);
const { element } = fc.letrec<{ element: string; content: string }>((tie) => ({
  element: fc
    .tuple(someName, attributes, space, fc.option(tie('content'), { nil: null }), space)
    .map(([tag, attrs, before, content, after]) =>
      content === null ? `<${tag}${attrs}${before}/>` : `<${tag}${attrs}${before}>${content}</${tag}${after}>`,
    ),
  content: fc
    .array(fc.oneof({ maxDepth: 4 }, someText, besides, tie('element')), { maxLength: 5 })
    .map((parts) => parts.join('')),
}));
const document = fc
  .tuple(
    fc.constantFrom(
      '',
      '<?xml version="1.0"?>',
      "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>\n",
      '\ufeff',
    ),
    fc.constantFrom('', '\n<!-- before -->', '<?pi?>'),
    element,
    fc.constantFrom('', '\n', '<!-- after -->\n'),
  )
  .map((parts) => parts.join(''));

function escaped(raw: string): string {
  return (
    raw
      .toWellFormed()
      // oxlint-disable-next-line no-control-regex
      .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '')
      .replace(/[&<]/g, (char) => (char === '&' ? '&#38;' : '&lt;'))
      .replaceAll(']]>', '')
  );
}

test('reads what saxes reads', () => {
  fc.assert(
    fc.property(document, (xml) => {
      expect(ours(xml)).toEqual(judged(xml.replace(/^\ufeff/, '')));
    }),
    { numRuns: 500 },
  );
});

/** A little of it is gone, doubled or something else. */
const changes = fc.array(
  fc.tuple(
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.nat(3),
    fc.constantFrom(
      ...'<>/&;"\'=!?-[] :x1é\r\0\u000b\uffff'.split(''),
      ']]>',
      '<!--',
      '-->',
      '<![CDATA[',
      '<?',
      '?>',
      '&#1;',
      '&x;',
      '<!DOCTYPE a>',
      '</a>',
      '<a>',
      '',
    ),
  ),
  { minLength: 1, maxLength: 3 },
);
function changed(xml: string, how: readonly (readonly [number, number, string])[]): string {
  return how.reduce((now, [place, gone, put]) => {
    const at = Math.floor(place * now.length);
    return (now.slice(0, at) + put + now.slice(at + gone)).toWellFormed();
  }, xml);
}

test('refuses what saxes refuses, and nothing else', () => {
  fc.assert(
    fc.property(document, changes, (xml, how) => {
      const broken = changed(xml.replace(/^\ufeff/, ''), how);
      // We alone refuse another version of XML, and "<?name?more?>".
      fc.pre(!/^<\?xml|<\?[^\s?]*\?(?!>)/.test(broken));
      expect(ours(broken)).toEqual(judged(broken));
    }),
    { numRuns: 3_000 },
  );
});

test('a recorded answer, as it is and broken anywhere, is read as saxes reads it', () => {
  expect(ours(recorded)).toEqual(judged(recorded));
  const body = recorded.slice(recorded.indexOf('\n') + 1);
  let refused = 0;
  fc.assert(
    fc.property(changes, (how) => {
      const broken = changed(body, how);
      const expected = judged(broken);
      if (expected === 'refused') refused += 1;
      expect(ours(broken)).toEqual(expected);
    }),
    { numRuns: 300 },
  );
  expect(refused).toBeGreaterThan(100);
});

test('it is the same wherever it is cut, with objects taken out one at a time', () => {
  const inside = fc.array(element, { maxLength: 4 }).map((list) => list.join(''));
  fc.assert(
    fc.property(
      fc.array(inside, { maxLength: 6 }),
      inside,
      fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 5 }),
      fc.constantFrom(1, 50, 1_000),
      (objects, rest, sizes, least) => {
        const xml = `<e:E><r><returnval>${objects.map((one) => `<objects>${one}</objects>`).join('\n')}<token>t</token></returnval>${rest}</r></e:E>`;
        fc.pre(judged(xml) !== 'refused');
        const whole = judgedTree(xml);
        const returnval = whole.children[0]!.children[0]!;
        const all = returnval.children.filter(({ name }) => name === 'objects');
        returnval.children.splice(0, all.length);
        const { root, objects: read } = readInPieces(Buffer.from(xml), sizes, least);
        const expected = removed(whole, all);
        expect([root, ...read].map(textless)).toEqual([expected.root, ...expected.objects].map(textless));
      },
    ),
    { numRuns: 300 },
  );
});

/** Text between objects is nobody's, and stays only where nothing else does. */
function textless(node: XmlNode): XmlNode {
  return { ...node, text: node.name === 'returnval' ? '' : node.text, children: node.children.map(textless) };
}

/** Such elements elsewhere are taken out as well. */
function removed(root: XmlNode, objects: XmlNode[]): { root: XmlNode; objects: XmlNode[] } {
  const walk = (node: XmlNode): void => {
    for (const child of node.children.slice()) {
      if (node.name === 'returnval' && child.name === 'objects') {
        node.children.splice(node.children.indexOf(child), 1);
        objects.push(child);
      } else walk(child);
    }
  };
  walk(root);
  return { root, objects };
}

test('a recorded answer is the same in pieces of any size', () => {
  const bytes = Buffer.from(recorded);
  const whole = readInPieces(bytes, [bytes.length]);
  expect(whole.objects).toHaveLength(6);
  for (const size of [1, 7, 333, 4_096, 16_384]) expect(readInPieces(bytes, [size])).toEqual(whole);
});

test('an object that names its own kind inside, or ends oddly, costs no more than another', () => {
  const inner = '<objects></objects>'.repeat(40_000);
  const bytes = Buffer.from(`<returnval><objects>${inner}</objects ><objects>2</objects></returnval>`);
  const { objects } = readInPieces(bytes, [1_000]);
  expect(objects.map(({ children, text }) => [children.length, text])).toEqual([
    [40_000, ''],
    [0, '2'],
  ]);
});

test.each([
  ['no text', '<a>\ud800</a>'],
  ['an end in a name', '<aaa'],
  ['an end in a comment', '<a><!-- '],
  ['two outermost elements', '<a/><b/>'],
  ['text before it', 'x<a/>'],
  ['text after it', '<a/>x'],
  ['CDATA after it', '<a/><![CDATA[x]]>'],
  ['another version', '<?xml version="1.1"?><a/>'],
  ['a declaration in the middle', '<a><?xml version="1.0"?></a>'],
  ['the same attribute twice', '<a xsi:type="x" xsi:type="x"/>'],
])('refuses %s', (_, xml) => {
  const bytes = Buffer.from(xml);
  const halved =
    xml === '<a>\ud800</a>' ? Buffer.from([0x3c, 0x61, 0x3e, 0xed, 0xa0, 0x80, 0x3c, 0x2f, 0x61, 0x3e]) : bytes;
  expect(() => readInPieces(halved, [1])).toThrow(XmlError);
});
