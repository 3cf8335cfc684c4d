import { WherryError } from '../model/errors.ts';
import type { Client } from './client.ts';

/** By id, or by name whatever its case. @throws provider.not_found */
export async function idOfProvider(client: Pick<Client, 'get'>, name: string): Promise<string> {
  const { items } = await client.get<{ items: { id: string; name: string }[] }>('/providers');
  const found = items.find((one) => one.id === name || one.name.toLowerCase() === name.toLowerCase());
  if (found === undefined) throw new WherryError('provider.not_found', { provider: name });
  return found.id;
}
