import { appendFile, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBoundedLog } from './bounded-log.ts';
import { followLines } from './follow.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'wherry-log-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('a bounded log', () => {
  it('keeps everything when it is small', async () => {
    const file = path.join(directory, 'small');
    const log = await openBoundedLog(file, 1000);
    log.write('one');
    log.write('two');
    await log.close();
    expect(await readFile(file, 'utf8')).toBe('one\ntwo\n');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('keeps its beginning and its end when it is large, and counts what lies between', async () => {
    const file = path.join(directory, 'large');
    const log = await openBoundedLog(file, 1000);
    for (let index = 0; index < 10_000; index++) log.write(`line ${index}`);
    await log.close();
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(lines[0]).toBe('line 0');
    expect(lines.at(-1)).toBe('line 9999');
    const gap = lines.findIndex((line) => line.includes('left out'));
    expect(lines[gap]).toBe(`[${10_000 - gap - 2000} lines left out]`);
    expect(lines.slice(gap + 1)).toHaveLength(2000);
  });

  it('cuts a line that never ends', async () => {
    const file = path.join(directory, 'long');
    const log = await openBoundedLog(file, 1000_000);
    log.write('x'.repeat(500_000));
    await log.close();
    expect((await stat(file)).size).toBeLessThan(5000);
  });
});

describe('following a file', () => {
  it('gives every whole line once, and what is left at the end', async () => {
    const file = path.join(directory, 'followed');
    const lines: string[] = [];
    const writer = (async () => {
      await sleep(50);
      await appendFile(file, 'ä one\ntw');
      await sleep(300);
      await appendFile(file, 'o\nthree');
    })();
    await followLines(file, writer, (line) => lines.push(line));
    expect(lines).toEqual(['ä one', 'two', 'three']);
  });

  it('has no lines when the file never comes', async () => {
    const lines: string[] = [];
    await followLines(path.join(directory, 'never'), Promise.reject(new Error('ended badly')), (line) =>
      lines.push(line),
    );
    expect(lines).toEqual([]);
  });
});
