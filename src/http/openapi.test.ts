/** docs/openapi.json is the API that the code has: a change of the API is seen in review. `script/openapi` writes it. */
import { readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { createRuleBook } from '../concerns/rule-book.ts';
import { openTestVault } from '../db/testing.ts';
import { type Inventory, startInventory } from '../inventory/inventory.ts';
import { type Engine, startEngine } from '../migration/engine.ts';
import { inventoryRoutes } from './inventory-routes.ts';
import { limitRoutes } from './limit-routes.ts';
import { migrationRoutes } from './migration-routes.ts';
import { providerInventoryRoutes } from './provider-inventory-routes.ts';
import { providerRoutes } from './provider-routes.ts';
import { createTestApp } from './testing.ts';
import { uploadRoutes } from './upload-routes.ts';
import { watchRoutes } from './watch-routes.ts';
import { workerRoutes } from './worker-routes.ts';

const file = new URL('../../docs/openapi.json', import.meta.url);

test('docs/openapi.json describes the API as it is (run script/openapi after a change)', async () => {
  let engine: Engine | undefined;
  let inventory: Inventory | undefined;
  const app = await createTestApp(async (db) => {
    const vault = await openTestVault(db);
    engine = await startEngine({ db, vault });
    inventory = startInventory({ db, vault, publish: async () => undefined });
    return [
      migrationRoutes(engine),
      limitRoutes(engine),
      workerRoutes(engine),
      watchRoutes(inventory),
      providerRoutes(engine, inventory),
      providerInventoryRoutes(engine, inventory),
      uploadRoutes(engine, inventory),
      inventoryRoutes(createRuleBook('/nowhere/rules.json')),
    ];
  });
  try {
    const text = `${JSON.stringify(app.openApi, null, 2)}\n`;
    if (process.env['WHERRY_WRITE_OPENAPI'] === '1') await writeFile(file, text);
    expect(await readFile(file, 'utf8')).toBe(text);
    const references = [...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name ?? '');
    for (const name of references) expect(app.openApi.components.schemas).toHaveProperty(name);
    for (const used of ['MigrationView', 'CreateMigration', 'Problem']) expect(references).toContain(used);
  } finally {
    await inventory?.stop();
    await engine?.stop();
    await app.close();
  }
});
