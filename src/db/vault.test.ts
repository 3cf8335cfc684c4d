/** Secrets at rest: sealed, moved, damaged; and a key that is changed, killed in the middle, or lost. */
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { newId } from '../model/ids.ts';
import { json } from './db.ts';
import { ensureInstallation } from './installation-store.ts';
import { createTestDatabase, type TestDatabase } from './testing.ts';
import { openVault, providerSecret, sourceQuery, type Vault } from './vault-store.ts';

let test1: TestDatabase;
let directory = '';
let path = '';
let vault: Vault;
beforeEach(async () => {
  test1 = await createTestDatabase();
  directory = await mkdtemp(join(tmpdir(), 'wherry-vault-'));
  path = join(directory, 'secrets.key');
  await ensureInstallation(test1.db);
  vault = await openVault(test1.db, path);
  return async () => {
    await test1.close();
    await rm(directory, { recursive: true, force: true });
  };
});

const password = 'a password with "quotes" and ünïcode 🔑';

async function keep(name = 'password', text = password): Promise<readonly string[]> {
  const id = newId();
  await test1.db.transaction(async (tx) => {
    const sealed = await vault.seal(tx, providerSecret(id, name), text);
    await tx
      .insertInto('provider')
      .values({
        id,
        name: id,
        type: 'ova',
        account: json({ type: 'ova' as const, location: '/' }),
        watch_token: newId(),
        created_by: '',
      } as never)
      .execute();
    await tx.insertInto('provider_secret').values({ provider_id: id, name, sealed }).execute();
  });
  return providerSecret(id, name);
}

async function stored(about: readonly string[]): Promise<string> {
  const [, id = '', name = ''] = about;
  const row = await test1.db.kysely
    .selectFrom('provider_secret')
    .select('sealed')
    .where('provider_id', '=', id)
    .where('name', '=', name)
    .executeTakeFirstOrThrow();
  return row.sealed;
}

const currentKey = async (): Promise<string> =>
  (await test1.db.kysely.selectFrom('installation').select('key_id').executeTakeFirstOrThrow()).key_id;
const keyIds = async (): Promise<string[]> =>
  (await readFile(path, 'utf8')).split('\n').flatMap((line) => (line === '' ? [] : [line.split(' ')[0] ?? '']));

test('what is sealed names its key and none of its text, opens where it belongs and nowhere else', async () => {
  const about = await keep();
  const sealed = await stored(about);
  expect(sealed).toMatch(new RegExp(`^wherry1:${await currentKey()}:`));
  expect(Buffer.from(sealed.split(':')[2] ?? '', 'base64url').toString('latin1')).not.toContain('password');
  expect(await vault.open(about, sealed)).toBe(password);
  expect(await stored(await keep())).not.toBe(sealed); // never twice the same
  await expect(vault.open(providerSecret(newId(), 'password'), sealed)).rejects.toMatchObject({
    code: 'secrets.damaged',
  });
  const at = sealed.length - 30;
  const flipped = `${sealed.slice(0, at)}${sealed[at] === 'A' ? 'B' : 'A'}${sealed.slice(at + 1)}`;
  await expect(vault.open(about, flipped)).rejects.toMatchObject({ code: 'secrets.damaged' });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('a new key: all is sealed anew, the old key is gone from the file', async () => {
  const about = [await keep(), await keep('privateKey', 'x'.repeat(5_000))];
  const [old] = await keyIds();
  expect(await vault.rotate(false)).toMatchObject({ sealed: 2, forgotten: 0 });
  expect(await keyIds()).toEqual([await currentKey()]);
  expect(await keyIds()).not.toContain(old);
  const other = await openVault(test1.db, path); // another server, or this one after a start
  for (const one of about)
    expect(await other.open(one, await stored(one))).toBe(await vault.open(one, await stored(one)));
});

test('the signature in a source’s address gets the new key with the others', async () => {
  const id = newId();
  await test1.db.transaction(async (tx) => {
    await tx.insertInto('target_copy').values({ id, source_identity: '' }).execute();
    const sealed = await vault.seal(tx, sourceQuery(id), 'sig=one');
    await tx.insertInto('source_query').values({ target_copy_id: id, sealed }).execute();
  });
  expect(await vault.rotate(false)).toMatchObject({ sealed: 1, forgotten: 0 });
  const anew = await openVault(test1.db, path); // the old key is gone
  const { sealed } = await test1.db.kysely.selectFrom('source_query').select('sealed').executeTakeFirstOrThrow();
  expect(await anew.open(sourceQuery(id), sealed)).toBe('sig=one');
});

test.each(['written', 'committed'] as const)(
  'killed when the new key is %s: everything opens after a start',
  async (where) => {
    const about = await keep();
    const dying = await openVault(test1.db, path, async (point) => {
      if (point === where) throw new Error('killed');
    });
    await expect(dying.rotate(false)).rejects.toThrow('killed');
    expect(await keyIds()).toHaveLength(2);
    const next = await openVault(test1.db, path);
    expect(await next.open(about, await stored(about))).toBe(password);
    expect(await keyIds()).toEqual([await currentKey()]);
    expect(await next.rotate(false)).toMatchObject({ sealed: 1 });
  },
);

test('a hundred secrets that are kept while keys change all open', async () => {
  const all: (readonly string[])[] = [];
  const rotating = (async () => {
    for (let n = 0; n < 5; n += 1) await vault.rotate(false);
  })();
  for (let n = 0; n < 100; n += 1) all.push(await keep('password', `secret ${n}`));
  await Promise.all([rotating, vault.rotate(false)]);
  const next = await openVault(test1.db, path);
  for (const [n, about] of all.entries()) expect(await next.open(about, await stored(about))).toBe(`secret ${n}`);
});

test('a lost key is said, a new one is made only when what is lost is to be forgotten', async () => {
  const about = await keep();
  await rm(path);
  const next = await openVault(test1.db, path);
  await expect(next.open(about, await stored(about))).rejects.toMatchObject({ code: 'secrets.key_missing' });
  await expect(next.rotate(false)).rejects.toMatchObject({ code: 'secrets.key_missing' });
  expect(await next.rotate(true)).toMatchObject({ sealed: 0, forgotten: 1 });
  vault = next;
  const again = await keep();
  expect(await next.open(again, await stored(again))).toBe(password);
});

test('a key file that others may read, or that is none, is refused', async () => {
  await chmod(path, 0o644);
  await expect(openVault(test1.db, path)).rejects.toMatchObject({ code: 'secrets.key_file' });
  await writeFile(path, 'nonsense\n');
  await chmod(path, 0o600);
  await expect(openVault(test1.db, path)).rejects.toMatchObject({ code: 'secrets.key_file' });
});
