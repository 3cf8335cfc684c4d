/** The objects that libvirt's calls and events name, as they stand in its messages. */
import type { XdrReader, XdrWriter } from './xdr.ts';

export type Domain = { readonly name: string; readonly uuid: string; readonly id: number };
export type Network = { readonly name: string; readonly uuid: string };
export type Pool = { readonly name: string; readonly uuid: string };
export type Volume = { readonly pool: string; readonly name: string; readonly key: string };

export function readDomain(r: XdrReader): Domain {
  return { name: r.string(), uuid: uuidText(r.fixed(16)), id: r.int() };
}
export function writeDomain(w: XdrWriter, domain: Domain): void {
  w.string(domain.name);
  w.fixed(uuidBytes(domain.uuid));
  w.int(domain.id);
}
export function readNetwork(r: XdrReader): Network {
  return { name: r.string(), uuid: uuidText(r.fixed(16)) };
}
export function writeNetwork(w: XdrWriter, network: Network): void {
  w.string(network.name);
  w.fixed(uuidBytes(network.uuid));
}
export const readPool: (r: XdrReader) => Pool = readNetwork;
export const writePool: (w: XdrWriter, pool: Pool) => void = writeNetwork;
export function readVolume(r: XdrReader): Volume {
  return { pool: r.string(), name: r.string(), key: r.string() };
}
export function writeVolume(w: XdrWriter, volume: Volume): void {
  w.string(volume.pool);
  w.string(volume.name);
  w.string(volume.key);
}

export function uuidText(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
export function uuidBytes(uuid: string): Buffer {
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  if (bytes.length !== 16) throw new Error(`${uuid} is no UUID`);
  return bytes;
}
