/** Where in a JSON text the items of a list are, which JSON.parse does not tell. */

/** Of valid JSON: the offset of each item of the list `name` of the outermost object; of several such lists the last one's. */
export function itemOffsets(text: string, name: string): number[] {
  let offsets: number[] = [];
  const path: string[] = [];
  let key = '';
  let last = '';
  let expectsItem = false;
  const isList = (): boolean => path.length === 2 && path[0] === '{' && path[1] === `[${name}`;
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs)) {
    if (expectsItem && isList() && token !== ']') {
      offsets.push(index);
      expectsItem = false;
    }
    if (token === ':') key = last;
    else if (token === '{' || token === '[') {
      path.push(token === '{' ? '{' : `[${path.length === 1 ? key : ''}`);
      if (isList()) {
        offsets = [];
        expectsItem = true;
      }
    } else if (token === '}' || token === ']') path.pop();
    else if (token === ',') expectsItem = isList();
    else if (token.startsWith('"')) last = String(JSON.parse(token));
  }
  return offsets;
}

/**
 * Of text that is not JSON: how much of it could still become some. JSON.parse tells a position with some errors only, so it
 * is asked of shorter and shorter beginnings what they lack.
 */
export function brokenAt(text: string): number {
  let well = 0;
  let broken = text.length + 1;
  while (broken - well > 1) {
    const middle = Math.floor((well + broken) / 2);
    if (mayGoOn(text.slice(0, middle))) well = middle;
    else broken = middle;
  }
  return well;
}

function mayGoOn(beginning: string): boolean {
  try {
    JSON.parse(beginning);
    return true;
  } catch (error) {
    const message = error instanceof Error ? error.message : '';
    const at = /position (\d+)/.exec(message)?.[1];
    return /end of JSON|Unterminated/.test(message) || Number(at) >= beginning.length;
  }
}
