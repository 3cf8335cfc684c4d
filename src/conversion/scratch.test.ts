/** The short ways to directories that are too deep for sockets: made in /tmp, where others may have put something before us. */
import { chown, lstat, mkdir, mkdtemp, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeScratch, makeSocketLink, removeShortcut, shortcutOf, socketLinkOf } from './scratch.ts';

/** Too deep for a socket; everything that it has in /tmp is removed with it, whoever it belongs to. */
async function deepDirectory(): Promise<string> {
  const base = await mkdtemp(join(tmpdir(), 'wherry-deep-'));
  const directory = join(base, 'a'.repeat(60), 'b'.repeat(60));
  await mkdir(directory, { recursive: true, mode: 0o700 });
  onTestFinished(async () => {
    for (const place of [base, shortcutOf(directory), linkOf(directory)])
      await rm(place, { recursive: true, force: true });
  });
  return directory;
}

function linkOf(directory: string): string {
  const link = socketLinkOf(directory);
  if (link === null) throw new Error(`${directory} needs no link`);
  return link;
}

/** A directory of somebody else with something in it. */
async function occupy(place: string): Promise<void> {
  await mkdir(place);
  await writeFile(join(place, 'theirs'), 'theirs');
  await chown(place, 65_534, 65_534);
}

const listens = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(path, () => server.close(() => resolve(true)));
  });
const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

test('a link leads to a directory that is too deep for sockets, over an older one of ours, and goes with it', async () => {
  const directory = await deepDirectory();
  const link = linkOf(directory);
  expect(await listens(join(directory, 's12'))).toBe(false); // control
  await symlink('/nowhere', link);
  await makeSocketLink(directory, link);
  expect(await readlink(link)).toBe(directory);
  expect(await listens(join(link, 's12'))).toBe(true);
  await removeShortcut(directory);
  expect(await isThere(link)).toBe(false);
  expect(await isThere(directory)).toBe(true);
});

test('a directory that is short enough needs none', async () => {
  const directory = `/${'d'.repeat(101)}`;
  expect(socketLinkOf(directory)).toBeNull();
  expect(socketLinkOf(`${directory}d`)).not.toBeNull();
});

test('what somebody else has put in the place is not followed, not used and not removed', async ({ skip }) => {
  skip(process.getuid?.() !== 0, 'only root can give a directory to somebody else');
  const directory = await deepDirectory();
  const link = linkOf(directory);
  await occupy(link);
  await occupy(shortcutOf(directory));
  await expect(makeSocketLink(directory, link)).rejects.toMatchObject({ code: 'conversion.way_taken' });
  await expect(makeScratch(directory)).rejects.toMatchObject({ code: 'conversion.way_taken' });
  await removeShortcut(directory);
  for (const place of [link, shortcutOf(directory)]) expect(await isThere(join(place, 'theirs'))).toBe(true);
});
