import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runChild } from '../../src/process/child.ts';

// Whoever is not root is asked for a password by sudo.
test.skipIf(process.getuid?.() !== 0)('script/demo takes an appliance from where its caller is', async () => {
  const at = await mkdtemp(join(tmpdir(), 'wherry-words-'));
  onTestFinished(() => rm(at, { recursive: true, force: true }));
  const clone = join(at, 'clone');
  const ovas = join(at, 'ovas');
  for (const directory of [join(clone, 'script'), join(clone, 'node_modules/.bin'), ovas]) {
    await mkdir(directory, { recursive: true });
  }
  await copyFile(join(import.meta.dirname, '../../script/demo'), join(clone, 'script/demo'));
  await writeFile(join(clone, 'script/setup'), '#!/bin/sh\n', { mode: 0o755 });
  await writeFile(join(ovas, 'my web.ova'), '');
  await symlink('/usr/bin/echo', join(clone, 'node_modules/.bin/node'));
  const said = await runChild(join(clone, 'script/demo'), ['--yes', 'my web.ova'], { cwd: ovas });
  expect(said).toBe(`test/demo/demo.ts ${join(ovas, 'my web.ova')}`);
});
