import { WherryError, type ErrorCode, type ErrorParams } from '../../model/errors.ts';

/** Whose image it is, for errors. */
export type Owner = { readonly vm: string; readonly disk: string };

type ImageCode = Extract<ErrorCode, `image.${string}`>;

export function refuse(owner: Owner, code: ImageCode, params: ErrorParams, cause?: unknown): WherryError {
  return new WherryError(code, { vm: owner.vm, disk: owner.disk, ...params }, cause);
}

/** A name out of an image, safe to show: printable, and no longer than 120 characters. */
export function shown(name: string): string {
  const printable = name.replaceAll(/[^\x20-\x7e\u00a0-\u{1ffff}]/gu, '?').trim();
  return printable.length > 120 ? `${printable.slice(0, 120)}...` : printable;
}
