/** A rate as people write it: "100MiB", "80MB/s", "900Mbit", "1.5 GiB", "1000000" (bytes). Always per second. */
import { WherryError } from '../model/errors.ts';

const powers: Readonly<Record<string, number>> = { '': 0, k: 1, m: 2, g: 3, t: 4 };

/** Bytes per second. @throws client.usage */
export function parseRate(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)(b|bit|bps)?(?:\/s)?\s*$/i.exec(text);
  const [, number = '', prefix = '', binary = '', unit = ''] = match ?? [];
  // "MB" are megabytes, "Mb" could be either: it is said in full.
  const isUnclear = unit === 'b' && prefix !== '';
  if (match === null || isUnclear || (binary !== '' && (prefix === '' || unit === ''))) {
    const problem = `${text} is no rate: write 100MiB, 80MB, 900Mbit, or a number of bytes`;
    throw new WherryError('client.usage', { problem });
  }
  const scale = (binary === '' ? 1000 : 1024) ** (powers[prefix.toLowerCase()] ?? 0);
  const isBits = ['bit', 'bps'].includes(unit.toLowerCase());
  return Math.round((Number(number) * scale) / (isBits ? 8 : 1));
}
