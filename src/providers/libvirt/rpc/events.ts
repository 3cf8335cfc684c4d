/**
 * Events of a libvirt daemon: which are asked for, and what each says. All that an inventory needs of an event is whom it is
 * about; what has become of it is read then, so that events that overtake each other do no harm.
 */
import type { RpcConnection } from './connection.ts';
import { isLibvirtError } from './libvirt-error.ts';
import { readDomain, readNetwork, readPool } from './objects.ts';
import type { XdrReader } from './xdr.ts';

export type Touched = { readonly kind: 'vm' | 'storage' | 'network'; readonly uuid: string };

/** virDomainEventID, and the procedure that carries it. All start with the callback's id and the domain. */
const domainEvents = [
  { id: 0, procedure: 318 }, // lifecycle: defined, undefined, started, suspended, resumed, stopped, shut down, crashed
  { id: 1, procedure: 319 }, // reboot
  { id: 9, procedure: 327 }, // disk change: a medium
  { id: 10, procedure: 328 }, // tray change
  { id: 15, procedure: 333 }, // device removed
  { id: 16, procedure: 339 }, // block job: a snapshot was committed or pulled
  { id: 18, procedure: 348 }, // guest agent came or went
  { id: 19, procedure: 354 }, // device added
  { id: 23, procedure: 379 }, // metadata: title, description, ours
] as const;
/** virStoragePoolEventID and virNetworkEventID. */
const poolEvents = [
  { id: 0, procedure: 370 }, // lifecycle
  { id: 1, procedure: 373 }, // refreshed
] as const;
const networkEvents = [{ id: 0, procedure: 315 }] as const;

const registerDomain = 316;
const registerPool = 368;
const registerNetwork = 313;

/**
 * Asks for all events that an inventory needs, and tells whom each is about. What the driver has no events for is left out.
 * @returns whether storage pools and networks tell, too (a driver without them has none that change).
 */
export async function followEvents(
  rpc: RpcConnection,
  touched: (object: Touched) => void,
  signal: AbortSignal,
): Promise<void> {
  rpc.onEvent((procedure, reader) => {
    const object = readEvent(procedure, reader);
    if (object !== null) touched(object);
  });
  const register = async (procedure: number, id: number): Promise<void> => {
    const encode = (w: { int(value: number): void; uint(value: number): void }): void => {
      w.int(id);
      w.uint(0); // of all objects
    };
    await rpc
      .call(procedure, encode, (r) => r.int(), signal)
      .catch((error: unknown) => {
        if (!isLibvirtError(error, 'noSupport', 'invalidArgument', 'operationInvalid')) throw error;
      });
  };
  for (const event of domainEvents) await register(registerDomain, event.id);
  for (const event of poolEvents) await register(registerPool, event.id);
  for (const event of networkEvents) await register(registerNetwork, event.id);
}

/** Null for an event that was not asked for. */
export function readEvent(procedure: number, reader: XdrReader): Touched | null {
  if (domainEvents.some((event) => event.procedure === procedure)) {
    // The block job's second form is older than the callbacks: it has an id all the same.
    reader.int();
    return { kind: 'vm', uuid: readDomain(reader).uuid };
  }
  if (poolEvents.some((event) => event.procedure === procedure)) {
    reader.int();
    return { kind: 'storage', uuid: readPool(reader).uuid };
  }
  if (networkEvents.some((event) => event.procedure === procedure)) {
    reader.int();
    return { kind: 'network', uuid: readNetwork(reader).uuid };
  }
  return null;
}
