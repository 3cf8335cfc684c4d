/** Signatures in addresses: of a store, of the links on its page, of a source that is given once. */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProviderView } from '../../src/inventory/api.ts';
import type { VmPage } from '../../src/inventory/search-api.ts';
import type { MigrationView } from '../../src/migration/api.ts';
import type { SignedStore } from './locked-store.ts';
import type { Product } from './product.ts';
import type { Report } from './scenario.ts';

type Signed = {
  readonly store: SignedStore;
  readonly signatures: { readonly list: string; readonly file: string };
  readonly cli: (args: readonly string[], input?: string) => Promise<string>;
  readonly said: string[];
};

/** Leaves the provider's query sealed, and for a while that of the migration by the command. */
export async function throughSignedStore(
  report: Report,
  product: Product,
  { store, signatures, cli, said }: Signed,
): Promise<void> {
  const { client } = product;
  const location = `${store.url}?sig=${signatures.list}`;
  const made = await client.post<ProviderView>('/providers', { name: 'signed', account: { type: 'ova', location } });
  said.push(JSON.stringify(made));
  const found = async (): Promise<VmPage['items']> => {
    const query = new URLSearchParams({ filter: 'name = "signed-app"', provider: made.id });
    return (await client.get<VmPage>(`/inventory/vms?${query.toString()}`)).items;
  };
  for (const end = Date.now() + 60_000; Date.now() < end && (await found()).length === 0; ) await sleep(200);
  const [vm] = await found();
  const detail = await client.text(`/inventory/vms/${vm?.id ?? ''}`);
  said.push(detail, await client.text(`/providers/${made.id}/unreadable`).catch(String));
  const url = `${store.url}app.ova?…`;
  report.check('an OVA behind a signature is seen, and shown without it', detail.includes(url), detail.slice(0, 300));

  const directory = join(product.scratch, 'from-link');
  const once = join(product.scratch, 'from-address');
  for (const folder of [directory, once]) await mkdir(folder);
  const migration = await client.post<MigrationView>('/migrations', {
    vms: [
      {
        source: { type: 'web', url, provider: made.id },
        vm: null,
        target: { type: 'files', directory, format: 'qcow2', networks: { '*': 'default' } },
        targetName: null,
        options: { conversion: 'never', verify: 'full', power: 'off' },
      },
    ],
  });
  const state = async (): Promise<string> => (await client.get<MigrationView>(`/migrations/${migration.id}`)).state;
  let ended = await state();
  for (const end = Date.now() + 120_000; Date.now() < end && !/succeeded|failed|canceled/.test(ended); ) {
    await sleep(300);
    ended = await state();
  }
  const shown = await client.text(`/migrations/${migration.id}`);
  said.push(shown);
  const why = /"message":"[^"]*"/.exec(shown)?.[0] ?? '';
  report.check('it is migrated with the signature that the page gives', ended === 'succeeded', `${ended} ${why}`);
  const words = ['import', '-', '--to', 'files', '--dir', once, '--conversion', 'never', '--no-start'];
  const before = store.opened();
  const told = await cli(words, `${store.url}app.ova?sig=${signatures.file}\n`);
  said.push(await client.text('/migrations'));
  const files = await readdir(once).catch(() => []);
  report.check('so is one whose address comes from standard input', files.length > 0 && store.opened() > before, told);
}
