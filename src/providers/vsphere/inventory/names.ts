/** Names and parents, which every managed entity has. */
import type { ManagedProps } from './props.ts';

type Readable = Pick<ManagedProps, 'get'>;

/** A name as people typed it: vSphere keeps slashes, backslashes and percent signs as %2f, %5c and %25. */
export function shownName(name: string): string {
  return name.replace(/%(2f|5c|25)/gi, (escape) => decodeURIComponent(escape));
}

export function nameOf(object: Readable): string {
  const name = object.get('name');
  return typeof name === 'string' ? shownName(name) : '';
}

export function parentOf(object: Readable): string | undefined {
  const parent = object.get('parent');
  return parent instanceof Object && 'value' in parent ? String(parent.value) : undefined;
}
