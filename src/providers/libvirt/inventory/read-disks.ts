/** Sizes of a domain's disks, and what lies under them, as the daemon tells. */
import { findXml, parseXml, type XmlElement } from '../../domain/xml.ts';
import type { Domain } from '../rpc/objects.ts';
import { isLibvirtError } from '../rpc/libvirt-error.ts';
import type { Session } from '../session.ts';
import type { DiskState } from './context.ts';
import { diskElements, pathOf, targetOf } from './disks.ts';
import { size } from './values.ts';

/** By target name. What the daemon does not tell of a disk is null there. */
export async function readDisks(
  session: Session,
  domain: Domain,
  { xml, active }: { xml: XmlElement; active: boolean },
  signal: AbortSignal,
): Promise<Map<string, DiskState>> {
  const states = new Map<string, DiskState>();
  for (const disk of diskElements(xml)) {
    const target = targetOf(disk);
    if (target === '' || findXml(disk, 'source') === undefined) continue;
    const state = await readDisk(session, domain, disk, signal);
    // Of a VM that runs, the XML tells what lies under its disks.
    const backingDepth = active || state.missing === true ? null : await depthOf(session, pathOf(disk), signal);
    states.set(target, { ...state, backingDepth });
  }
  return states;
}

type Sizes = Omit<DiskState, 'backingDepth'>;

async function readDisk(
  { more, calls }: Session,
  domain: Domain,
  disk: XmlElement,
  signal: AbortSignal,
): Promise<Sizes> {
  try {
    const info = await more.blockInfo(domain, targetOf(disk), signal);
    return { sizeBytes: size(info.capacityBytes), usedBytes: size(info.allocationBytes), missing: false };
  } catch (error) {
    if (isLibvirtError(error, 'noDomain') || !isAnswer(error)) throw error;
    if (isLibvirtError(error, 'systemError') && /No such file or directory/.test(error.message)) {
      return { sizeBytes: null, usedBytes: null, missing: true };
    }
  }
  // A driver or a kind of disk that tells nothing of it: the pool may know.
  try {
    const volume = await volumeOf({ calls }, disk, signal);
    if (volume === null) return unknown;
    const info = await calls.volumes.info(volume, signal);
    return { sizeBytes: size(info.capacityBytes), usedBytes: size(info.allocationBytes), missing: false };
  } catch (error) {
    if (!isAnswer(error)) throw error;
    return unknown;
  }
}

const unknown: Sizes = { sizeBytes: null, usedBytes: null, missing: null };

async function volumeOf({ calls }: Pick<Session, 'calls'>, disk: XmlElement, signal: AbortSignal) {
  const { pool = '', volume = '' } = findXml(disk, 'source')?.attributes ?? {};
  if (disk.attributes['type'] === 'volume') {
    return calls.volumes.byName(await calls.pools.byName(pool, signal), volume, signal);
  }
  const path = pathOf(disk);
  return path?.startsWith('/') === true ? calls.volumes.byPath(path, signal) : null;
}

/** A chain longer than this is a loop. */
const maxDepth = 64;

/** How many images lie under a volume; each but the last is looked up in the pools. Null where no pool knows the first. */
async function depthOf({ calls }: Session, path: string | null, signal: AbortSignal): Promise<number | null> {
  let depth = 0;
  let at = path;
  while (at?.startsWith('/') === true && depth < maxDepth) {
    try {
      const volume = await calls.volumes.byPath(at, signal);
      at = findXml(parseXml(await calls.volumes.xml(volume, signal)), 'backingStore', 'path')?.text ?? null;
      if (at !== null) depth++;
    } catch (error) {
      if (!isAnswer(error)) throw error;
      return depth === 0 ? null : depth;
    }
  }
  return depth;
}

function isAnswer(error: unknown): error is Error {
  return error instanceof Error && error.name === 'LibvirtError';
}
