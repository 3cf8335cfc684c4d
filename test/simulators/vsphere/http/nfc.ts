/** `/nfc/...`: disks of a lease as streamOptimized VMDKs, in one pass; it breaks off when the lease ends. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { drained } from './folder.ts';
import { streamVmdk } from '../disk/stream-vmdk.ts';
import type { World } from '../world.ts';

export async function serveNfc(
  world: World,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const file = world.leases.fileAt(path);
  if (file === undefined || request.method !== 'GET') {
    response.writeHead(file === undefined ? 404 : 405);
    response.end();
    return;
  }
  // The length is not known beforehand, and there are no ranges: it is made while it is sent.
  response.writeHead(200, { 'content-type': 'application/x-vnd.vmware-streamVmdk' });
  for await (const piece of streamVmdk(file.disk.layer, path.slice(path.lastIndexOf('/') + 1))) {
    if (file.over.aborted) {
      response.destroy();
      return;
    }
    if (response.destroyed) return;
    if (!response.write(piece)) await drained(response);
  }
  response.end();
}
