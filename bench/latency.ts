/** A source over TCP that takes 10 ms for every read: at most 1.05 × nbdcopy with its defaults. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild } from '../src/process/child.ts';
import { makeRaw } from './images.ts';
import { race } from './measure.ts';
import { own } from './own.ts';
import { type Bench, against } from './result.ts';

export const latency: Bench = async ({ rounds, sizeMiB, dataMiB, directory }) => {
  const image = join(directory, 'source.raw');
  const output = join(directory, 'target');
  await makeRaw(image, sizeMiB, dataMiB);
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const listen = ['-f', '-i', '127.0.0.1', '-p', String(port)];
  const server = await startChild('nbdkit', [...listen, '--filter=delay', 'file', image, 'rdelay=10ms']);
  await sleep(500);
  const uri = `nbd://127.0.0.1:${port}`;
  const script = 'truncate -s "$3" "$2" && exec nbdcopy --flush "$1" "$2"';
  try {
    const rows = await race(
      [
        { name: 'wherry', command: own(uri, output), output },
        { name: 'nbdcopy', command: ['sh', '-c', script, 'sh', uri, output, `${sizeMiB}M`], output },
      ],
      rounds,
    );
    return { rows, findings: [against(rows, 'wherry', ['nbdcopy'], 1.05)] };
  } finally {
    await server.stop();
  }
};
