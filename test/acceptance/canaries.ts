/** Looks for secrets where none may be: processes, files, the database. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { openDb } from '../../src/db/db.ts';
import { homeAt, socketDirectory } from '../../src/home.ts';

export type Finding = { readonly canary: string; readonly where: string };

/** As it is, and as a header or a URL would carry it. */
function formsOf(canary: string): string[] {
  return [canary, Buffer.from(canary).toString('base64').replace(/=+$/, ''), encodeURIComponent(canary)];
}

export function findIn(text: string, where: string, canaries: readonly string[]): Finding[] {
  return canaries.flatMap((canary) => (formsOf(canary).some((form) => text.includes(form)) ? [{ canary, where }] : []));
}

/** Arguments and environments of all processes of the machine, again and again until `signal` aborts. */
export async function watchProcesses(
  canaries: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly found: readonly Finding[]; readonly looks: number; readonly watchers: number }> {
  const found = new Map<string, Finding>();
  const watchers = new Set<string>();
  let looks = 0;
  while (!signal.aborted) {
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      for (const file of ['cmdline', 'environ'] as const) {
        const text = await readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '');
        if (file === 'cmdline' && text.includes('watch-child')) watchers.add(pid);
        const name = text.split('\0')[0] ?? '';
        for (const one of findIn(text, `${file} of process ${pid} (${name})`, canaries)) found.set(one.where, one);
      }
    }
    looks += 1;
    await sleep(50, undefined, { signal }).catch(() => undefined);
  }
  return { found: [...found.values()], looks, watchers: watchers.size };
}

/** Every file below, the database's own and its log included. */
export async function findInFiles(directory: string, canaries: readonly string[]): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { size } = await stat(path).catch(() => ({ size: 0 }));
    const text = size === 0 ? '' : await readFile(path, 'latin1').catch(() => '');
    found.push(...findIn(text, path, canaries));
  }
  return found;
}

/** Every row of every table, as text. */
export async function findInDatabase(
  home: string,
  canaries: readonly string[],
): Promise<{ readonly found: readonly Finding[]; readonly rows: number }> {
  const host = socketDirectory(join(homeAt(home).postgres, 'socket'));
  const db = openDb({ connection: { host, user: 'wherry', database: 'postgres' }, maxConnections: 1 });
  const found: Finding[] = [];
  let count = 0;
  try {
    const tables = await sql<{ name: string }>`
      select table_name as name from information_schema.tables where table_schema = 'public'`.execute(db.kysely);
    for (const { name } of tables.rows) {
      const { rows } = await sql<{ text: string }>`select t::text as text from ${sql.table(name)} t`.execute(db.kysely);
      count += rows.length;
      for (const { text } of rows) found.push(...findIn(text, `table ${name}`, canaries));
    }
  } finally {
    await db.close();
  }
  return { found, rows: count };
}
