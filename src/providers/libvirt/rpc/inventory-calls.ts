/**
 * The procedures that reading an inventory takes, beside those of calls.ts. Numbers and layouts are libvirt's
 * remote_protocol.x; each is proved against the real daemon by the tests of the inventory.
 */
import type { Decode, Encode, RpcConnection } from './connection.ts';
import {
  type Domain,
  type Network,
  type Pool,
  readDomain,
  readNetwork,
  readPool,
  uuidBytes,
  writeDomain,
} from './objects.ts';
import type { XdrReader, XdrWriter } from './xdr.ts';

export type NodeInfo = { readonly memoryBytes: number; readonly cpus: number };
export type BlockInfo = { readonly allocationBytes: number; readonly capacityBytes: number };
export type GuestInterface = {
  readonly name: string;
  readonly mac: string | null;
  readonly addresses: readonly string[];
};
/** A snapshot or a checkpoint. */
export type NamedState = { readonly name: string; readonly domain: Domain };

/** virDomainInterfaceAddressesSource. */
export const addressSources = { lease: 0, agent: 1, arp: 2 } as const;

/** VIR_DRV_FEATURE_PROGRAM_KEEPALIVE. */
const keepAliveFeature = 10;
/** REMOTE_DOMAIN_SNAPSHOT_LIST_MAX; REMOTE_DOMAIN_INTERFACE_MAX and REMOTE_DOMAIN_IP_ADDR_MAX. */
const maxStates = 16_384;
const maxAddresses = 2_048;

export type InventoryCalls = ReturnType<typeof inventoryCalls>;

export function inventoryCalls(rpc: RpcConnection) {
  const call = <T>(number: number, encode: Encode, decode: Decode<T>, signal: AbortSignal): Promise<T> =>
    rpc.call(number, encode, decode, signal);
  const ofDomain =
    <T>(number: number, decode: Decode<T>) =>
    (domain: Domain, signal: AbortSignal): Promise<T> =>
      call(number, (w) => writeDomain(w, domain), decode, signal);
  return {
    /** Whether the daemon answers pings; from then on it may send its own. */
    supportsKeepAlive: (signal: AbortSignal) => call(60, (w) => w.int(keepAliveFeature), truth, signal),
    /**
     * Asks to convert nothing: a daemon that lets us only look refuses that as "read only", one that lets us act in other words.
     * It changes nothing either way.
     */
    probeWrite: (signal: AbortSignal) =>
      call(
        135,
        (w) => (w.string('wherry'), w.string(''), w.uint(0)),
        (r) => r.string(),
        signal,
      ),
    nodeInfo: (signal: AbortSignal): Promise<NodeInfo> => call(6, () => undefined, readNodeInfo, signal),
    poolByUuid: (uuid: string, signal: AbortSignal): Promise<Pool> =>
      call(85, (w) => w.fixed(uuidBytes(uuid)), readPool, signal),
    networkByUuid: (uuid: string, signal: AbortSignal): Promise<Network> =>
      call(47, (w) => w.fixed(uuidBytes(uuid)), readNetwork, signal),
    autostart: ofDomain(15, truth),
    persistent: ofDomain(151, truth),
    managedSave: (domain: Domain, signal: AbortSignal) =>
      call(183, (w) => (writeDomain(w, domain), w.uint(0)), truth, signal),
    /** @param disk its target name or its path. */
    blockInfo: (domain: Domain, disk: string, signal: AbortSignal): Promise<BlockInfo> =>
      call(194, (w) => (writeDomain(w, domain), w.string(disk), w.uint(0)), readBlockInfo, signal),
    addresses: (domain: Domain, source: number, signal: AbortSignal): Promise<GuestInterface[]> =>
      call(
        353,
        (w) => (writeDomain(w, domain), w.uint(source), w.uint(0)),
        (r) => r.array(maxAddresses, readInterface),
        signal,
      ),
    snapshots: (domain: Domain, signal: AbortSignal) => call(274, listOf(domain), readStates, signal),
    snapshotXml: (snapshot: NamedState, signal: AbortSignal) =>
      call(
        186,
        (w) => (writeState(w, snapshot), w.uint(0)),
        (r) => r.string(),
        signal,
      ),
    isCurrentSnapshot: (snapshot: NamedState, signal: AbortSignal) =>
      call(271, (w) => (writeState(w, snapshot), w.uint(0)), truth, signal),
    checkpoints: (domain: Domain, signal: AbortSignal) => call(413, listOf(domain), readStates, signal),
  };
}

const truth: Decode<boolean> = (r) => r.int() !== 0;

function listOf(domain: Domain): Encode {
  return (w) => (writeDomain(w, domain), w.int(1), w.uint(0));
}

function readStates(r: XdrReader): NamedState[] {
  const found = r.array(maxStates, (each) => ({ name: each.string(), domain: readDomain(each) }));
  r.int();
  return found;
}

function writeState(w: XdrWriter, state: NamedState): void {
  w.string(state.name);
  writeDomain(w, state.domain);
}

/** The model is 32 characters of four bytes each, as XDR has no smaller ones. */
function readNodeInfo(r: XdrReader): NodeInfo {
  r.fixed(32 * 4);
  const memoryBytes = r.uhyper() * 1024;
  const cpus = r.int();
  for (let rest = 0; rest < 5; rest++) r.int();
  return { memoryBytes, cpus };
}

function readBlockInfo(r: XdrReader): BlockInfo {
  const info = { allocationBytes: r.uhyper(), capacityBytes: r.uhyper() };
  r.uhyper();
  return info;
}

function readInterface(r: XdrReader): GuestInterface {
  return {
    name: r.string(),
    mac: r.optional((each) => each.string()),
    addresses: r.array(maxAddresses, (each) => {
      each.int();
      const address = each.string();
      each.uint();
      return address;
    }),
  };
}
