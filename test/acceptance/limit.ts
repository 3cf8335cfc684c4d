/** Sets the bandwidth of all copies of a worker, as an administrator's setting: null lifts it. Acts within a second. */
import { join } from 'node:path';
import { Client } from 'pg';
import { homeAt, socketDirectory } from '../../src/home.ts';
import type { Product } from './product.ts';

export async function limitBandwidth(product: Product, bytesPerSecond: number | null): Promise<void> {
  const host = socketDirectory(join(homeAt(product.home).postgres, 'socket'));
  const client = new Client({ host, user: 'wherry', database: 'postgres' });
  await client.connect();
  try {
    await client.query(
      `insert into setting (name, value) values ('worker.bytes_per_second', $1::jsonb)
       on conflict (name) do update set value = excluded.value`,
      [JSON.stringify(bytesPerSecond ?? 0)],
    );
  } finally {
    await client.end();
  }
}
