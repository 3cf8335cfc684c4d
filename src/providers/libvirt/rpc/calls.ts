/**
 * The procedures that Wherry uses, typed. Numbers and layouts are libvirt's remote_protocol.x, which may only be added
 * to; each is proved against the real daemon in calls.test.ts. Flags are libvirt's own unless named here.
 */
import type { Decode, Encode, RpcConnection } from './connection.ts';
import {
  type Domain,
  type Network,
  type Pool,
  readDomain,
  readNetwork,
  readPool,
  readVolume,
  uuidBytes,
  type Volume,
  writeDomain,
  writeNetwork,
  writePool,
  writeVolume,
} from './objects.ts';
import type { XdrReader, XdrWriter } from './xdr.ts';

export type { Domain, Network, Pool, Volume };

/** virDomainState. */
export const domainStates = {
  0: 'no-state',
  1: 'running',
  2: 'blocked',
  3: 'paused',
  4: 'shutting-down',
  5: 'shut-off',
  6: 'crashed',
  7: 'suspended',
} as const;
export type DomainState = (typeof domainStates)[keyof typeof domainStates];

export const undefineEverything = 1 | 2 | 4 | 16; // managed save, snapshots' metadata, NVRAM, checkpoints' metadata
const affectLive = 1;
const affectConfig = 2;
export const inactiveXml = 2;
const metadataElement = 2;

/** Bounds for what a daemon may answer; libvirt's own are the same or absent. */
const maxList = 65_536;

export type LibvirtCalls = ReturnType<typeof libvirtCalls>;

export function libvirtCalls(rpc: RpcConnection) {
  const call = <T>(number: number, encode: Encode, decode: Decode<T>, signal: AbortSignal): Promise<T> =>
    rpc.call(number, encode, decode, signal);
  return {
    authList: (signal: AbortSignal) => call(66, none, (r) => r.array(20, (e) => e.int()), signal),
    /** Resolves to whether polkit allows it. */
    authPolkit: (signal: AbortSignal) => call(70, none, (r) => r.int() !== 0, signal),
    open: (name: string, signal: AbortSignal) => call(1, (w) => (w.optionalString(name), w.uint(0)), nothing, signal),
    close: (signal: AbortSignal) => call(2, none, nothing, signal),

    host: {
      hostname: (signal: AbortSignal) => call(59, none, string, signal),
      /** 9001002 is 9.1.2. */
      libraryVersion: (signal: AbortSignal) => call(157, none, (r) => r.uhyper(), signal),
      hypervisorVersion: (signal: AbortSignal) => call(4, none, (r) => r.uhyper(), signal),
      capabilities: (signal: AbortSignal) => call(7, none, string, signal),
      domainCapabilities: (
        wanted: { arch: string | null; machine: string | null; virtType: string | null },
        signal: AbortSignal,
      ) => {
        const encode: Encode = (w) => {
          w.optionalString(null);
          w.optionalString(wanted.arch);
          w.optionalString(wanted.machine);
          w.optionalString(wanted.virtType);
          w.uint(0);
        };
        return call(342, encode, string, signal);
      },
    },

    pools: {
      list: (signal: AbortSignal) => call(281, all(0), list(readPool), signal),
      byName: (name: string, signal: AbortSignal) => call(84, (w) => w.string(name), readPool, signal),
      info: (pool: Pool, signal: AbortSignal) => call(87, (w) => writePool(w, pool), readPoolInfo, signal),
      xml: (pool: Pool, signal: AbortSignal) => call(88, flagged(writePool, pool), string, signal),
      refresh: (pool: Pool, signal: AbortSignal) => call(83, flagged(writePool, pool), nothing, signal),
    },

    volumes: {
      list: (pool: Pool, signal: AbortSignal) =>
        call(282, (w) => (writePool(w, pool), w.int(1), w.uint(0)), list(readVolume), signal),
      byName: (pool: Pool, name: string, signal: AbortSignal) =>
        call(95, (w) => (writePool(w, pool), w.string(name)), readVolume, signal),
      byPath: (path: string, signal: AbortSignal) => call(97, (w) => w.string(path), readVolume, signal),
      create: (pool: Pool, xml: string, signal: AbortSignal) =>
        call(93, (w) => (writePool(w, pool), w.string(xml), w.uint(0)), readVolume, signal),
      delete: (volume: Volume, signal: AbortSignal) => call(94, flagged(writeVolume, volume), nothing, signal),
      info: (volume: Volume, signal: AbortSignal) => call(98, (w) => writeVolume(w, volume), readVolumeInfo, signal),
      xml: (volume: Volume, signal: AbortSignal) => call(99, flagged(writeVolume, volume), string, signal),
      path: (volume: Volume, signal: AbortSignal) => call(100, (w) => writeVolume(w, volume), string, signal),
    },

    networks: {
      list: (signal: AbortSignal) => call(283, all(0), list(readNetwork), signal),
      byName: (name: string, signal: AbortSignal) => call(46, (w) => w.string(name), readNetwork, signal),
      isActive: (network: Network, signal: AbortSignal) =>
        call(
          152,
          (w) => writeNetwork(w, network),
          (r) => r.int() !== 0,
          signal,
        ),
      xml: (network: Network, signal: AbortSignal) => call(43, flagged(writeNetwork, network), string, signal),
    },

    domains: {
      list: (signal: AbortSignal) => call(273, all(0), list(readDomain), signal),
      byName: (name: string, signal: AbortSignal) => call(23, (w) => w.string(name), readDomain, signal),
      byUuid: (uuid: string, signal: AbortSignal) => call(24, (w) => w.fixed(uuidBytes(uuid)), readDomain, signal),
      define: (xml: string, signal: AbortSignal) => call(11, (w) => w.string(xml), readDomain, signal),
      undefine: (domain: Domain, flags: number, signal: AbortSignal) =>
        call(231, flagged(writeDomain, domain, flags), nothing, signal),
      create: (domain: Domain, signal: AbortSignal) => call(9, (w) => writeDomain(w, domain), nothing, signal),
      shutdown: (domain: Domain, signal: AbortSignal) => call(33, (w) => writeDomain(w, domain), nothing, signal),
      destroy: (domain: Domain, signal: AbortSignal) => call(12, (w) => writeDomain(w, domain), nothing, signal),
      xml: (domain: Domain, flags: number, signal: AbortSignal) =>
        call(14, flagged(writeDomain, domain, flags), string, signal),
      state: (domain: Domain, signal: AbortSignal) =>
        call(212, flagged(writeDomain, domain), (r) => ({ state: domainState(r.int()), reason: r.int() }), signal),
      info: (domain: Domain, signal: AbortSignal) => call(16, (w) => writeDomain(w, domain), readDomainInfo, signal),
      /** Of one disk by its target name; an empty name means all disks together. */
      blockStats: (domain: Domain, disk: string, signal: AbortSignal) =>
        call(64, (w) => (writeDomain(w, domain), w.string(disk)), readBlockStats, signal),
      /** The element that belongs to a namespace. @throws LibvirtError noDomainMetadata. */
      metadata: (domain: Domain, namespace: string, signal: AbortSignal) => {
        const encode: Encode = (w) => {
          writeDomain(w, domain);
          w.int(metadataElement);
          w.optionalString(namespace);
          w.uint(affectConfig);
        };
        return call(265, encode, string, signal);
      },
      /** Of the definition and, where it runs, of the running VM. */
      setMetadata: (
        domain: Domain,
        metadata: { element: string; key: string; namespace: string },
        signal: AbortSignal,
      ) => {
        const encode: Encode = (w) => {
          writeDomain(w, domain);
          w.int(metadataElement);
          w.optionalString(metadata.element);
          w.optionalString(metadata.key);
          w.optionalString(metadata.namespace);
          w.uint(affectConfig | (domain.id === -1 ? 0 : affectLive));
        };
        return call(264, encode, nothing, signal);
      },
    },
  };
}

function none(): void {}
function nothing(): void {}
const string: Decode<string> = (r) => r.string();

function all(flags: number): Encode {
  return (w) => (w.int(1), w.uint(flags));
}

function flagged<T>(write: (w: XdrWriter, value: T) => void, value: T, flags = 0): Encode {
  return (w) => (write(w, value), w.uint(flags));
}

/** The answer of every "list all": the elements, and their number once more. */
function list<T>(read: Decode<T>): Decode<T[]> {
  return (r) => {
    const elements = r.array(maxList, read);
    r.uint();
    return elements;
  };
}

/** Bytes. `state` 2 is running; 0 inactive. */
function readPoolInfo(r: XdrReader) {
  return {
    active: r.uint() === 2,
    capacityBytes: r.uhyper(),
    allocationBytes: r.uhyper(),
    availableBytes: r.uhyper(),
  };
}
function readVolumeInfo(r: XdrReader) {
  return { type: r.int(), capacityBytes: r.uhyper(), allocationBytes: r.uhyper() };
}
function readDomainInfo(r: XdrReader) {
  return {
    state: domainState(r.uint()),
    maxMemoryKiB: r.uhyper(),
    memoryKiB: r.uhyper(),
    cpus: r.uint(),
    cpuTimeNs: r.uhyper(),
  };
}
function readBlockStats(r: XdrReader) {
  return {
    readRequests: r.hyper(),
    readBytes: r.hyper(),
    writeRequests: r.hyper(),
    writtenBytes: r.hyper(),
    errors: r.hyper(),
  };
}

function domainState(value: number): DomainState {
  return Object.hasOwn(domainStates, value) ? domainStates[value as keyof typeof domainStates] : 'no-state';
}
