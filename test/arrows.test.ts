/** The lint rule for the arrows (DESIGN.md 7): each is broken once in a tree of its own, and the rule refuses it. */
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
type Import = readonly [file: string, imported: string, how: 'value' | 'type' | 'dynamic'];

const broken: readonly Import[] = [
  ['src/model/a.ts', '../process/child.ts', 'value'],
  ['src/model/errors/a.ts', '../../process/child.ts', 'value'],
  ['src/process/a.ts', '../transfer/disk.ts', 'value'],
  ['src/db/a.ts', '../http/app.ts', 'value'],
  ['src/db/b.ts', '../migration/states.ts', 'value'],
  ['src/transfer/a.ts', '../providers/provider.ts', 'type'],
  ['src/transfer/nbd/a.ts', '../../conversion/overlay.ts', 'value'],
  ['src/transfer/b.ts', '../db/db.ts', 'type'],
  ['src/conversion/a.ts', '../transfer/copy.ts', 'value'],
  ['src/conversion/b.ts', '../migration/step.ts', 'type'],
  ['src/providers/ova/a.ts', '../../transfer/nbd/volume.ts', 'value'],
  ['src/providers/ova/b.ts', '../../conversion/overlay.ts', 'value'],
  ['src/providers/ova/c.ts', '../libvirt/volumes.ts', 'value'],
  ['src/providers/libvirt/rpc/a.ts', '../../files/target.ts', 'value'],
  ['src/providers/libvirt/rpc/b.ts', '../../../migration/step.ts', 'type'],
  ['src/providers/local/a.ts', '../files/target.ts', 'value'],
  ['src/providers/local/b.ts', '../provider.ts', 'type'],
  ['src/providers/net/a.ts', '../vsphere/connection.ts', 'value'],
  ['src/migration/a.ts', '../providers/libvirt/target.ts', 'value'],
  ['src/migration/b.ts', '../db/db.ts', 'value'],
  ['src/migration/c.ts', '../http/app.ts', 'type'],
  ['src/migration/d.ts', '../worker/link.ts', 'dynamic'],
  ['src/migration/a-store.ts', '../http/event-hub.ts', 'value'],
  ['src/migration/steps/a.ts', '../../db/db.ts', 'type'],
  ['src/migration/steps/b.ts', '../../providers/files/target.ts', 'value'],
  ['src/http/a.ts', '../db/db.ts', 'value'],
  ['src/http/b.ts', '../worker/worker.ts', 'value'],
  ['src/http/c.ts', '../providers/provider.ts', 'type'],
  ['src/http/auth/a.ts', '../../db/db.ts', 'value'],
  ['src/http/auth/a-store.ts', '../../cli/client.ts', 'value'],
  ['src/cli/a.ts', '../http/server.ts', 'type'],
  ['src/cli/b.ts', '../worker/worker.ts', 'dynamic'],
  ['src/cli/c.ts', '../migration/api.ts', 'value'],
  ['src/cli/d.ts', '../db/db.ts', 'type'],
  ['src/worker/a.ts', '../db/db.ts', 'type'],
  ['src/worker/b.ts', '../migration/engine.ts', 'type'],
  ['src/worker/c.ts', '../providers/ova/source.ts', 'dynamic'],
  ['src/config.ts', './http/app.ts', 'type'],
  ['src/other.ts', './cli/program.ts', 'value'],
  ['ui/src/a.tsx', '../../src/migration/api.ts', 'value'],
];

const kept: readonly Import[] = [
  ['src/model/errors/k.ts', '../errors.ts', 'value'],
  ['src/process/k.ts', '../model/errors.ts', 'value'],
  ['src/db/k.ts', '../migration/states.ts', 'type'],
  ['src/transfer/nbd/k.ts', '../disk.ts', 'value'],
  ['src/transfer/nbd/l.ts', '../../process/child.ts', 'value'],
  ['src/conversion/k.ts', '../transfer/disk.ts', 'value'],
  ['src/providers/ova/k.ts', '../provider.ts', 'value'],
  ['src/providers/ova/l.ts', '../local/local-file.ts', 'value'],
  ['src/providers/vsphere/n.ts', '../net/https.ts', 'value'],
  ['src/providers/ova/m.ts', '../../transfer/disk.ts', 'value'],
  ['src/providers/libvirt/rpc/k.ts', '../client.ts', 'value'],
  ['src/providers/libvirt/rpc/l.ts', '../../../model/vm.ts', 'value'],
  ['src/providers/ova/k.test.ts', '../../transfer/images.ts', 'value'],
  ['src/migration/k.ts', '../db/db.ts', 'type'],
  ['src/migration/k-store.ts', '../db/db.ts', 'value'],
  ['src/migration/steps/k.ts', '../../providers/provider.ts', 'value'],
  ['src/migration/steps/l.ts', '../../transfer/copy.ts', 'value'],
  ['src/http/k.ts', '../migration/engine.ts', 'value'],
  ['src/http/server.ts', '../db/db.ts', 'value'],
  ['src/http/auth/k-store.ts', '../../db/db.ts', 'value'],
  ['src/cli/k.ts', '../migration/api.ts', 'type'],
  ['src/worker/k.ts', '../migration/protocol.ts', 'value'],
  ['src/main.ts', './cli/program.ts', 'value'],
  ['src/wiring.ts', './providers/ova/source.ts', 'value'],
  ['ui/src/k.tsx', '../../src/migration/api.ts', 'type'],
];

let directory = '';
let refused = new Set<string>();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wherry-arrows-'));
  for (const [file, imported, how] of [...broken, ...kept]) {
    await mkdir(dirname(join(directory, file)), { recursive: true });
    await writeFile(join(directory, file), `${textOf(imported, how)}\n`);
  }
  const config = JSON.stringify(join(root, 'oxlint.config.ts'));
  await writeFile(join(directory, 'oxlint.config.ts'), `export { default } from ${config};\n`);
  const { diagnostics } = JSON.parse(oxlint(directory)) as { diagnostics: { code: string; filename: string }[] };
  const ours = diagnostics.filter(({ code }) => code === 'eslint(no-restricted-imports)');
  refused = new Set(ours.map(({ filename }) => filename));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test.each(broken)('%s may not import %s (%s)', (file) => {
  expect(refused).toContain(file);
});

test.each(kept)('%s may import %s (%s)', (file) => {
  expect(refused).not.toContain(file);
});

test('the tree itself breaks no arrow', () => {
  const said = oxlint(root);
  expect(said).toContain('diagnostics');
  expect(said).not.toContain('no-restricted-imports');
});

/** What it prints; it exits with 1 when there was something to say. */
function oxlint(cwd: string): string {
  const program = join(root, 'node_modules/oxlint/bin/oxlint');
  const ran = spawnSync(process.execPath, [program, '--format', 'json', 'src', 'ui'], { cwd, encoding: 'utf8' });
  return ran.stdout;
}

function textOf(imported: string, how: Import[2]): string {
  if (how === 'dynamic') return `export const loaded = await import('${imported}');`;
  return how === 'type' ? `export type { Thing } from '${imported}';` : `export { thing } from '${imported}';`;
}
