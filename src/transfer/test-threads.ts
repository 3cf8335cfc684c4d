/** For threads.test.ts, in a process of its own: prints the priorities of its threads before, while and after they give way. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { giveWay, openThreads } from './threads.ts';

const niceOf = (thread: string): number =>
  Number(
    readFileSync(`/proc/self/task/${thread}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')[16],
  );
const behind = (): number => readdirSync('/proc/self/task').filter((thread) => niceOf(thread) > 0).length;
/** Waits for what is told to threads, not for a time. */
const settled = async (wanted: (count: number) => boolean): Promise<number> => {
  for (const end = Date.now() + 20_000; Date.now() < end && !wanted(behind()); ) await sleep(10);
  return behind();
};

using threads = openThreads();
const content = Buffer.from(new SharedArrayBuffer(4 * 1024 * 1024));
const digests = (count: number): Promise<Buffer>[] => Array.from({ length: count }, () => threads.digest(content));
const [expected] = await Promise.all(digests(1));
const before = behind();
const first = giveWay();
const second = giveWay();
const during = await settled((count) => count > 0);
first[Symbol.dispose]();
first[Symbol.dispose]();
const stillDuring = behind();
const underWay = digests(32);
second[Symbol.dispose]();
const all = await Promise.all([...underWay, ...digests(32)]);
const after = await settled((count) => count === 0);
const right = [...all, ...(await Promise.all(digests(8)))].every((digest) => expected?.equals(digest) === true);
process.stdout.write(JSON.stringify({ before, during, stillDuring, after, right }));
