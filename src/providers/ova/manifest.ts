import { createHash } from 'node:crypto';
import { WherryError } from '../../model/errors.ts';
import { openPart, type Package, type PackageFile, readPackageFile } from './package.ts';

export type Algorithm = 'sha1' | 'sha256' | 'sha384' | 'sha512';

/** One line: a file's name and what its digest should be (lower-case hex). */
export type ManifestEntry = { readonly name: string; readonly algorithm: Algorithm; readonly digest: string };

/** A file of the package and the digests that it should have. */
export type ManifestCheck = { readonly file: PackageFile; readonly expected: readonly ManifestEntry[] };

const maxManifestBytes = 4 * 1024 * 1024;
const readBytes = 1024 * 1024;
const digits: Readonly<Record<Algorithm, number>> = { sha1: 40, sha256: 64, sha384: 96, sha512: 128 };

/** Reads the package's manifest. @throws ova.bad_manifest, ova.manifest_member_missing, ova.bad_member, source.* */
export async function readManifest(packed: Package, manifest: PackageFile): Promise<ManifestCheck[]> {
  const text = (await readPackageFile(packed, manifest, maxManifestBytes)).toString('utf8');
  const entries = parseManifest(text, (line, problem) => {
    throw new WherryError('ova.bad_manifest', { path: packed.path, member: manifest.name, line, problem });
  });
  const checks = new Map<PackageFile, ManifestEntry[]>();
  for (const entry of entries) {
    const file = packed.find(entry.name);
    if (file === null) {
      throw new WherryError('ova.manifest_member_missing', { path: packed.path, member: entry.name });
    }
    checks.set(file, [...(checks.get(file) ?? []), entry]);
  }
  return [...checks].map(([file, expected]) => ({ file, expected }));
}

/** `SHA256(disk1.vmdk)= 0f3c…`, with spaces as each tool likes them. */
export function parseManifest(text: string, refuse: (line: number, problem: string) => never): ManifestEntry[] {
  const entries: ManifestEntry[] = [];
  const seen = new Set<string>();
  for (const [index, raw] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const match = /^(SHA-?\d{1,3})\s*\((.+)\)\s*=\s*([0-9a-fA-F]+)$/i.exec(line);
    if (match === null) refuse(index + 1, 'is not of the form SHA256(file)= digest');
    const [, word = '', name = '', digest = ''] = match;
    const algorithm = algorithmOf(word);
    if (algorithm === null) refuse(index + 1, `uses ${word}, which is not known`);
    if (digest.length !== digits[algorithm]) refuse(index + 1, `has a digest of ${digest.length} digits`);
    if (seen.has(`${algorithm} ${name}`)) refuse(index + 1, `lists ${name} again`);
    seen.add(`${algorithm} ${name}`);
    entries.push({ name, algorithm, digest: digest.toLowerCase() });
  }
  return entries;
}

/**
 * Reads the files from their first to their last byte and compares their digests. The parts of an archive are read one
 * after the other, as they lie in it; files of a directory two at a time.
 * @throws ova.manifest_mismatch, source.*
 */
export async function checkManifest(
  packed: Package,
  checks: readonly ManifestCheck[],
  progress: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const total = checks.reduce((sum, { file }) => sum + file.lengthBytes, 0);
  let done = 0;
  progress(0, total);
  const queue = [...checks].sort((a, b) => a.file.offset - b.file.offset);
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const drain = async (): Promise<void> => {
    for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
      await checkFile(packed, check, either, (bytes) => {
        done += bytes;
        progress(done, total);
      });
    }
  };
  const lanes = Array.from({ length: packed.kind === 'archive' ? 1 : 2 }, () =>
    drain().catch((error: unknown) => {
      failed.abort(error);
      throw error;
    }),
  );
  const rejected = (await Promise.allSettled(lanes)).find((lane) => lane.status === 'rejected');
  signal.throwIfAborted();
  if (rejected !== undefined) throw failed.signal.reason;
}

async function checkFile(
  packed: Package,
  { file, expected }: ManifestCheck,
  signal: AbortSignal,
  progress: (bytes: number) => void,
): Promise<void> {
  const hashes = expected.map((entry) => ({ entry, hash: createHash(entry.algorithm) }));
  await using open = await openPart(file);
  const read = (at: number): Promise<Buffer> => open.read(file.offset + at, Math.min(readBytes, file.lengthBytes - at));
  // The next block is read while this one is digested.
  let next = file.lengthBytes > 0 ? read(0) : null;
  for (let at = 0; next !== null; ) {
    signal.throwIfAborted();
    const data = await next;
    at += data.length;
    next = at < file.lengthBytes ? read(at) : null;
    next?.catch(() => undefined); // awaited in the next round, or given up with an earlier error
    for (const { hash } of hashes) hash.update(data);
    progress(data.length);
  }
  for (const { entry, hash } of hashes) {
    const actual = hash.digest('hex');
    if (actual === entry.digest) continue;
    const { algorithm, digest } = entry;
    const params = { path: packed.path, member: file.name, algorithm, expected: digest, actual };
    throw new WherryError('ova.manifest_mismatch', params);
  }
}

function algorithmOf(word: string): Algorithm | null {
  const name = word.toLowerCase().replace('-', '');
  return name === 'sha1' || name === 'sha256' || name === 'sha384' || name === 'sha512' ? name : null;
}
