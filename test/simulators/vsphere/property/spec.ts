/** Which properties a filter is about, and what it may not ask for. */
import { checkTraversals } from './select.ts';
import { VimFault } from '../soap/fault.ts';
import { fieldsOf, isSubtype, lineage, managed } from '../schema/types.ts';
import { typeOfPath } from '../store/path.ts';
import { asData, asList, asText, asTexts, type Data } from '../values.ts';

/** @throws InvalidType, InvalidProperty, InvalidArgument, before anything is looked at. */
export function checkFilter(filter: Data): void {
  for (const spec of asList(filter['propSet']).map(asData)) {
    const type = asText(spec?.['type']) ?? '';
    if (!managed.has(type)) throw new VimFault('InvalidType', `The type "${type}" is unknown`, { argument: type });
    for (const path of asTexts(spec?.['pathSet'])) checkPath(type, path);
  }
  for (const spec of asList(filter['objectSet']).map(asData)) {
    if (spec !== undefined) {
      checkTraversals(spec);
      checkPaths(spec);
    }
  }
}

function checkPaths(owner: Data): void {
  for (const spec of asList(owner['selectSet']).map(asData)) {
    if (spec?._type !== 'TraversalSpec') continue;
    checkPath(asText(spec['type']) ?? '', asText(spec['path']) ?? '');
    checkPaths(spec);
  }
}

function checkPath(type: string, path: string): void {
  if (typeOfPath(type, path) === undefined) {
    throw new VimFault('InvalidProperty', `The property '${path}' of ${type} is unknown`, { name: path });
  }
}

/** The paths that a filter wants of a class of objects; null where no property spec is about it. */
export function pathsFor(filter: Data, type: string): readonly string[] | null {
  const specs = asList(filter['propSet'])
    .map(asData)
    .filter((spec) => spec !== undefined && isSubtype(type, asText(spec['type']) ?? ''));
  if (specs.length === 0) return null;
  if (specs.some((spec) => spec?.['all'] === true)) return fieldsOf(type).map((field) => field.name);
  return [...new Set(specs.flatMap((spec) => asTexts(spec?.['pathSet'])))];
}

/** `pathsFor`, worked out once for each class. */
export function pathTable(filter: Data): (type: string) => readonly string[] | null {
  const known = new Map<string, readonly string[] | null>();
  return (type) => {
    const found = known.get(type);
    if (found !== undefined) return found;
    const paths = lineage(type).length === 0 ? null : pathsFor(filter, type);
    known.set(type, paths);
    return paths;
  };
}
