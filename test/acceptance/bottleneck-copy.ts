/**
 * One copy from an NBD server to another, by the real client, in a process of its own (so that it can be bound to a CPU);
 * prints what it waited for. Arguments: the sockets of source and target, and bytes per second or 0.
 */
import { copyDisk } from '../../src/transfer/copy.ts';
import { connectNbd } from '../../src/transfer/nbd/client.ts';
import { createLimit } from '../../src/transfer/throttle.ts';

const [from = '', to = '', rate = '0'] = process.argv.slice(2);
const signal = AbortSignal.timeout(120_000);
const source = await connectNbd({ socketPath: from }, signal);
const target = await connectNbd({ socketPath: to, startsZeroed: true }, signal);
const limits = Number(rate) > 0 ? [createLimit(() => Number(rate))] : [];
const begun = performance.now();
const { bottleneck, waited, bytesMoved } = await copyDisk({ diskId: 'disk', source, target, limits }, signal);
const seconds = (performance.now() - begun) / 1000;
process.stdout.write(`${JSON.stringify({ bottleneck, waited, bytesMoved, seconds })}\n`);
await source.close();
await target.close();
process.exit(0);
