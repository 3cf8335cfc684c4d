/** From the words of `wherry import` to what the API takes: pure, but for looking what kind of thing a path is. */
import { statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { WherryError } from '../model/errors.ts';
import type { SourceSpec, TargetSpec, VmMigrationSpec } from '../model/spec.ts';

export type ImportFlags = {
  readonly to?: string;
  readonly uri: string;
  readonly pool: string;
  readonly dir?: string;
  readonly network: readonly string[];
  readonly vm?: string;
  readonly name?: string;
  readonly format?: string;
  /** Raw images compressed by gzip. */
  readonly compress?: boolean;
  /** Id of the provider whose web server the source is on. */
  readonly provider?: string;
  /** Absent: start it, as it is a file that has no power state to be like. */
  readonly start?: boolean;
  readonly conversion: string;
  readonly verify: boolean;
};

/** @throws client.usage when the words do not fit together */
export function importRequest(files: readonly string[], flags: ImportFlags): VmMigrationSpec {
  return {
    source: sourceIn(files, flags.provider),
    vm: flags.vm ?? null,
    target: targetOf(flags),
    targetName: flags.name ?? null,
    options: {
      conversion: oneOf('--conversion', flags.conversion, ['auto', 'always', 'never']),
      verify: flags.verify ? 'full' : 'none',
      power: flags.start === undefined ? 'as-source' : flags.start ? 'on' : 'off',
    },
  };
}

/**
 * What is named on a web server, or on this machine.
 * @param provider its id, whose account and password are used
 */
export function sourceIn(files: readonly string[], provider?: string): SourceSpec {
  const [url] = files;
  if (url === undefined || !/^https?:\/\//i.test(url)) {
    if (provider !== undefined) throw usage('--provider is for a file on the web server of that provider');
    return sourceOf(files.map((file) => resolve(file)));
  }
  if (files.length > 1) throw usage('one file of a web server at a time');
  return { type: 'web', url, ...(provider === undefined ? {} : { provider }) };
}

/** An archive, an OVF or a directory is a package; .xml is a libvirt domain; anything else is a disk image by itself. */
function sourceOf(paths: readonly string[]): SourceSpec {
  const [first] = paths;
  if (first === undefined) throw usage('name an OVA, a directory with an OVF, or disk images');
  const isPackage = /\.(ova|ovf|tar)$/i.test(basename(first)) || isDirectory(first);
  if (/\.xml$/i.test(first) && paths.length === 1) return { type: 'domain', path: first };
  if (!isPackage) return { type: 'files', paths: [...paths] };
  if (paths.length > 1) throw usage('one OVA or directory at a time; only disk images can be several');
  return { type: 'ova', path: first };
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function targetOf(flags: ImportFlags): TargetSpec {
  const compressed = flags.compress === true;
  const format = oneOf('--format', flags.format ?? (compressed ? 'raw' : 'qcow2'), ['qcow2', 'raw']);
  if (compressed && format !== 'raw') throw usage('--compress makes raw images: leave --format qcow2 out');
  if (compressed && flags.to !== 'files') throw usage('--compress is for --to files');
  const networks = networksOf(flags.network);
  switch (oneOf('--to', flags.to ?? '', ['libvirt', 'files'])) {
    case 'libvirt':
      return { type: 'libvirt', uri: flags.uri, pool: flags.pool, format, networks };
    case 'files':
      if (flags.dir === undefined) throw usage('--to files needs --dir DIRECTORY');
      return { type: 'files', directory: resolve(flags.dir), format, ...(compressed && { compressed }), networks };
    default:
      throw usage('say where to: --to libvirt or --to files');
  }
}

/** `SOURCE=TARGET`, or `TARGET` for all that are not named. */
function networksOf(words: readonly string[]): Record<string, string> {
  const networks: Record<string, string> = {};
  for (const word of words) {
    const cut = word.lastIndexOf('=');
    const [source, target] = cut < 0 ? ['*', word] : [word.slice(0, cut), word.slice(cut + 1)];
    if (source === '' || target === '') throw usage(`--network ${word}: write SOURCE=TARGET or TARGET`);
    networks[source] = target;
  }
  return networks;
}

function oneOf<const T extends readonly string[]>(flag: string, word: string, allowed: T): T[number] {
  const found = allowed.find((each) => each === word);
  if (found === undefined) throw usage(`${flag} is one of ${allowed.join(', ')}, not ${word}`);
  return found;
}

function usage(problem: string): WherryError {
  return new WherryError('client.usage', { problem });
}
