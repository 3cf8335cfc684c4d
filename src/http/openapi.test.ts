/** docs/openapi.json is the API that the code has: a change of the API is seen in review. `script/openapi` writes it. */
import { readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { openTestVault } from '../db/testing.ts';
import { type Engine, startEngine } from '../migration/engine.ts';
import { migrationRoutes } from './migration-routes.ts';
import { createTestApp } from './testing.ts';
import { workerRoutes } from './worker-routes.ts';

const file = new URL('../../docs/openapi.json', import.meta.url);

test('docs/openapi.json describes the API as it is (run script/openapi after a change)', async () => {
  let engine: Engine | undefined;
  const app = await createTestApp(async (db) => {
    engine = await startEngine({ db, vault: await openTestVault(db) });
    return [migrationRoutes(engine), workerRoutes(engine)];
  });
  try {
    const text = `${JSON.stringify(app.openApi, null, 2)}\n`;
    if (process.env['WHERRY_WRITE_OPENAPI'] === '1') await writeFile(file, text);
    expect(await readFile(file, 'utf8')).toBe(text);
    const references = [...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name ?? '');
    for (const name of references) expect(app.openApi.components.schemas).toHaveProperty(name);
    for (const used of ['MigrationView', 'CreateMigration', 'Problem']) expect(references).toContain(used);
  } finally {
    await engine?.stop();
    await app.close();
  }
});
