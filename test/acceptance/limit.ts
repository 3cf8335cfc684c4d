/** Sets the bandwidth of all copies on this machine, whichever worker runs them: null lifts it. Acts within a second. */
import { hostname } from 'node:os';
import type { Product } from './product.ts';

export async function limitBandwidth(product: Product, bytesPerSecond: number | null): Promise<void> {
  await product.client.put('/limits', { limits: [{ scope: 'host', id: hostname(), bytesPerSecond }] });
}
