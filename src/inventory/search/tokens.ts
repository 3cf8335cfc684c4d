/** From text to tokens. Never throws: what is wrong (a NUL, a string without an end) is a token that the parser refuses. */

export type Token = {
  readonly kind: 'word' | 'string' | 'operator' | '(' | ')' | ',' | 'end' | 'wrong';
  /** What it stands for: without quotes, escapes resolved. */
  readonly text: string;
  /** The same as a glob: what a backslash protects keeps it, so that `\*` is a star and not "anything". */
  readonly pattern: string;
  /** Where it is in the filter, in UTF-16 units; `to` is the first one after it. */
  readonly from: number;
  readonly to: number;
  /** A string whose quote has no partner. */
  readonly open: boolean;
};

/** Longest first. */
const operators = ['!=', '!~', '<=', '>=', '=', '~', '<', '>'] as const;
const space = /\s/;
/** A fact's name may be quoted after this: facts."guest.disk./.freeBytes". */
const factPrefix = /^facts\.$/i;

/** The last token is always `end`. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; ; ) {
    while (at < text.length && space.test(text.charAt(at))) at += 1;
    const token = tokenAt(text, at);
    tokens.push(token);
    if (token.kind === 'end') return tokens;
    at = token.to;
  }
}

function tokenAt(text: string, from: number): Token {
  const first = text.charAt(from);
  const plain = (kind: Token['kind'], length: number): Token => {
    const part = text.slice(from, from + length);
    return { kind, text: part, pattern: part, from, to: from + length, open: false };
  };
  if (first === '') return plain('end', 0);
  if (first === '(' || first === ')' || first === ',') return plain(first, 1);
  const operator = operators.find((one) => text.startsWith(one, from));
  if (operator !== undefined) return plain('operator', operator.length);
  if (isUnstorable(text, from)) return plain('wrong', 1);
  return first === '"' || first === "'" ? stringAt(text, from, first) : wordAt(text, from);
}

function stringAt(text: string, from: number, quote: string): Token {
  let value = '';
  let pattern = '';
  for (let at = from + 1; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (isUnstorable(text, at)) return { kind: 'wrong', text: character, pattern, from: at, to: at + 1, open: false };
    if (character === quote) return { kind: 'string', text: value, pattern, from, to: at + 1, open: false };
    if (character === '\\' && at + 1 < text.length) {
      at += 1;
      value += text.charAt(at);
      pattern += `\\${text.charAt(at)}`;
    } else {
      value += character;
      pattern += character;
    }
  }
  return { kind: 'string', text: value, pattern, from, to: text.length, open: true };
}

function wordAt(text: string, from: number): Token {
  let value = '';
  let pattern = '';
  let at = from;
  for (; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (space.test(character) || '(),=~<>'.includes(character) || isUnstorable(text, at)) break;
    if (character === '!' && '=~'.includes(text.charAt(at + 1) || ' ')) break;
    if ((character === '"' || character === "'") && factPrefix.test(value)) break;
    const escaped = character === '\\' && at + 1 < text.length && !space.test(text.charAt(at + 1));
    if (escaped) at += 1;
    value += text.charAt(at);
    pattern += escaped ? `\\${text.charAt(at)}` : character;
  }
  return { kind: 'word', text: value, pattern, from, to: at, open: false };
}

/** NUL and halves of surrogate pairs: no database holds them, so nothing could ever be equal to them. */
function isUnstorable(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  if (unit === 0) return true;
  if (unit < 0xd800 || unit > 0xdfff) return false;
  const isHigh = unit < 0xdc00;
  const other = text.charCodeAt(isHigh ? at + 1 : at - 1);
  return !(isHigh ? other >= 0xdc00 && other <= 0xdfff : other >= 0xd800 && other < 0xdc00);
}
