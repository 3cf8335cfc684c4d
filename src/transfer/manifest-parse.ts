/** Reads manifests (manifest.ts), which come from outside: every line is checked, and sizes are bounded. */
import type Type from 'typebox';
import Value from 'typebox/value';
import { WherryError } from '../model/errors.ts';
import { createCoverage } from './coverage.ts';
import { chunkCount, chunkRange, leafCount, zeroChunkDigest } from './digest.ts';
import type { Range } from './disk.ts';
import { type Manifest, type ManifestAbout, ManifestHead, ManifestLine } from './manifest.ts';

type Head = Type.Static<typeof ManifestHead>;
/** More is no VM; and each costs memory. All disks together are no larger than one may be. */
const mostDisks = 1_000;
const mostBytes = 2 ** 50;

/**
 * All disks of a manifest, at least one, each once.
 * @throws transfer.manifest_invalid (line, problem): not ours, cut off, or says something impossible.
 */
export async function parseManifests(lines: AsyncIterable<string> | Iterable<string>): Promise<Manifest[]> {
  const found: Manifest[] = [];
  let section: Section | null = null;
  let number = 0;
  let bytes = 0;
  const refuse = (problem: string): WherryError =>
    new WherryError('transfer.manifest_invalid', { line: number, problem });
  for await (const text of lines) {
    if (text === '' && section === null && found.length > 0) continue;
    number += 1;
    const value = parseJson(text);
    if (section !== null) {
      if (!Value.Check(ManifestLine, value)) throw refuse('the line is not understood');
      const problem = section.add(value);
      if (problem !== null) throw refuse(problem);
      if (!section.ended) continue;
      found.push(section.manifest);
      section = null;
      continue;
    }
    if (!Value.Check(ManifestHead, value)) {
      throw refuse(
        found.length > 0 ? 'there is something after the end' : 'it is no manifest of Wherry, or of a later version',
      );
    }
    bytes += value.sizeBytes;
    if (found.some(({ disk }) => disk === value.disk)) throw refuse('the disk is there twice');
    if (found.length >= mostDisks || bytes > mostBytes) throw refuse('there are too many disks, or they are too large');
    section = newSection(value);
  }
  if (section !== null || found.length === 0) throw refuse('it ends too soon');
  return found;
}

/** The only disk of a manifest. @throws transfer.manifest_invalid */
export async function parseManifest(lines: AsyncIterable<string> | Iterable<string>): Promise<Manifest> {
  const [manifest, ...others] = await parseManifests(lines);
  if (manifest === undefined || others.length > 0) {
    throw new WherryError('transfer.manifest_invalid', { line: 1, problem: 'it is about several disks' });
  }
  return manifest;
}

type Section = { readonly manifest: Manifest; readonly ended: boolean; add(line: ManifestLine): string | null };

function newSection(head: Head): Section {
  const { sizeBytes } = head;
  const coverage = createCoverage(sizeBytes);
  const discarded: Range[] = [];
  const applied: Range[] = [];
  const sources = new Map<number, Buffer>();
  let lines = 1;
  let ended = false;
  const add = (line: ManifestLine): string | null => {
    if ('chunk' in line) {
      if (line.chunk >= chunkCount(sizeBytes)) return 'the chunk is beyond the disk';
      coverage.markChunk(line.chunk, Buffer.from(line.digest, 'hex'));
      if (line.source !== undefined) sources.set(line.chunk, Buffer.from(line.source, 'hex'));
    } else if ('zeros' in line) {
      if (line.zeros + line.count > chunkCount(sizeBytes)) return 'the chunks are beyond the disk';
      for (let chunk = line.zeros; chunk < line.zeros + line.count; chunk += 1) {
        coverage.markChunk(chunk, zeroChunkDigest(chunkRange(chunk, sizeBytes).length));
      }
    } else if ('leaf' in line) {
      if (line.leaf >= leafCount(sizeBytes)) return 'the leaf is beyond the disk';
      coverage.markLeaf(line.leaf, Buffer.from(line.digest, 'hex'));
    } else if ('end' in line) {
      if (line.lines !== lines) return `${line.lines} lines were written, ${lines} are there`;
      ended = true;
    } else {
      const [offset, length] = 'discarded' in line ? line.discarded : line.applied;
      if (offset + length > sizeBytes) return 'the range is beyond the disk';
      ('discarded' in line ? discarded : applied).push({ offset, length });
    }
    lines += 1;
    return null;
  };
  return {
    manifest: { disk: head.disk, coverage, discarded, applied, sources, about: aboutOf(head) },
    get ended() {
      return ended;
    },
    add,
  };
}

function aboutOf({ name, vm, vmMigrationId, targetCopyId, final }: Head): ManifestAbout {
  return {
    ...(name !== undefined && { name }),
    ...(vm !== undefined && { vm }),
    ...(vmMigrationId !== undefined && { vmMigrationId }),
    ...(targetCopyId !== undefined && { targetCopyId }),
    ...(final !== undefined && { final }),
  };
}

function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}
