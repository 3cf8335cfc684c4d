/** Names of files that may be put into a store: at most one folder deep, and never hidden, so that nothing lands elsewhere. Pure. */
import { WherryError } from '../model/errors.ts';

const part = /^[^/\\:*?"<>|\p{Cc}]{1,200}$/u;
/** What a store reads: packages, their parts, domain XML, images. */
const kinds = /\.(ova|ovf|mf|cert|xml|vmdk|qcow2|raw|img|vhd|vpc|vhdx|nvram|iso)(\.gz)?$/i;

/** @throws upload.bad_name */
export function checkUploadName(name: string): void {
  const parts = name.split('/');
  const refuse = (why: string): WherryError => new WherryError('upload.bad_name', { name, why });
  if (parts.length > 2) throw refuse('it lies more than one folder deep');
  for (const each of parts) {
    if (!part.test(each)) throw refuse('it has characters that a file should not have, or is too long');
    if (each.startsWith('.') || each.endsWith('.') || each.trim() !== each) {
      throw refuse('it begins or ends with a dot or a space');
    }
  }
  if (!kinds.test(name)) throw refuse('it is no OVA, OVF or part of one, domain XML or disk image by its name');
}
