import type { SourceSpec } from './spec.ts';

/** What a source of files names, on the worker; of one on a web server its URL. */
export function pathsOf(source: SourceSpec): readonly string[] {
  if (source.type === 'web') return [source.url];
  return source.type === 'files' ? source.paths : [source.path];
}
