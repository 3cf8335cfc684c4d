/**
 * Every error that a person may see: one catalogue, in one form. What is stored, sent and compared is the code and its
 * parameters (`StoredError`); text is made from them only where somebody reads it, so that it can be translated and searched.
 *
 * An entry says what failed on which VM, disk or host (`message`), and what to do next (`next`). The words of the tool or
 * system that refused are kept as `cause` and are never reworded. `passing` errors may go away by themselves: a step
 * retries them with back-off; all others end it at once.
 */
import { cliErrors } from './errors/cli.ts';
import { conversionErrors } from './errors/conversion.ts';
import { imageErrors } from './errors/image.ts';
import { libvirtErrors } from './errors/libvirt.ts';
import { migrationErrors } from './errors/migration.ts';
import { providerErrors } from './errors/provider.ts';
import { searchErrors } from './errors/search.ts';
import { serverErrors } from './errors/server.ts';
import { sourceErrors } from './errors/source.ts';
import { transferErrors } from './errors/transfer.ts';
import { uploadErrors } from './errors/upload.ts';
import { workerErrors } from './errors/worker.ts';

export type ErrorEntry = {
  /** HTTP status when it is the answer to a request. */
  readonly status: number;
  /**
   * What failed, with `{parameters}`; `{size:bytes}` is shown as people read sizes. A part in [square brackets] is left out
   * while a parameter in it is not known.
   */
  readonly message: string;
  /** What to do next, with `{parameters}`. */
  readonly next: string;
  /** True when trying again later may work without anybody doing anything. */
  readonly passing?: boolean;
  /** True when it is about this worker and not about the VM: the worker declines, another one may do it. */
  readonly elsewhere?: boolean;
};

export const catalogue = {
  ...sourceErrors,
  ...providerErrors,
  ...imageErrors,
  ...libvirtErrors,
  ...transferErrors,
  ...conversionErrors,
  ...migrationErrors,
  ...searchErrors,
  ...serverErrors,
  ...uploadErrors,
  ...workerErrors,
  ...cliErrors,
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof catalogue;
export type ErrorParams = Readonly<Record<string, string | number>>;

/** An error as it is stored in the database and sent between processes. */
export type StoredError = {
  readonly code: ErrorCode;
  readonly params: ErrorParams;
  /** The words of whatever refused, outermost first. */
  readonly causes: readonly string[];
};

/** An expected failure: it has an entry in the catalogue. Anything else that is thrown is a defect of ours. */
export class WherryError extends Error {
  readonly code: ErrorCode;
  readonly params: ErrorParams;

  constructor(code: ErrorCode, params: ErrorParams = {}, cause?: unknown) {
    super(fill(catalogue[code].message, params), cause === undefined ? undefined : { cause });
    this.name = 'WherryError';
    this.code = code;
    this.params = params;
  }

  get passing(): boolean {
    return (catalogue[this.code] as ErrorEntry).passing === true;
  }
}

/**
 * The same error with what is only known further out (which VM, disk, host): parameters that it has stay as they are.
 * Anything but a `WherryError` goes through unchanged.
 */
export function located(error: unknown, params: ErrorParams): unknown {
  if (!(error instanceof WherryError)) return error;
  return new WherryError(error.code, { ...params, ...error.params }, error.cause);
}

/** Makes any thrown value storable. What is not a `WherryError` becomes `internal`, with its own words as cause. */
export function toStored(error: unknown): StoredError {
  if (error instanceof WherryError) {
    return { code: error.code, params: error.params, causes: causesOf(error.cause) };
  }
  return { code: 'internal', params: {}, causes: causesOf(error) };
}

export function fromStored(stored: StoredError): WherryError {
  const cause = stored.causes.reduceRight<Error | undefined>(
    (inner, text) => new Error(text, inner === undefined ? undefined : { cause: inner }),
    undefined,
  );
  return new WherryError(stored.code, stored.params, cause);
}

/** What a person reads. */
export function explain(stored: StoredError): { message: string; next: string; causes: readonly string[] } {
  const entry: ErrorEntry | undefined = catalogue[stored.code];
  if (entry === undefined) return { message: stored.code, next: '', causes: stored.causes };
  return { message: fill(entry.message, stored.params), next: fill(entry.next, stored.params), causes: stored.causes };
}

function causesOf(error: unknown): string[] {
  const causes: string[] = [];
  for (let at = error; at !== undefined && at !== null && causes.length < 8; at = (at as Error).cause) {
    const text = at instanceof Error ? at.message : typeof at === 'string' ? at : JSON.stringify(at);
    if (text !== '' && causes.at(-1) !== text) causes.push(text);
    if (!(at instanceof Error)) break;
  }
  return causes;
}

/** A text of the catalogue with its parameters. */
export function fill(template: string, params: ErrorParams): string {
  const known = /\{(\w+)(:bytes)?\}/g;
  const isKnown = ([, name = '']: RegExpExecArray): boolean => params[name] !== undefined && params[name] !== '';
  return template
    .replace(/\[([^\]]*)\]/g, (_, part: string) => ([...part.matchAll(known)].every(isKnown) ? part : ''))
    .replace(known, (whole, name: string, asBytes?: string) => {
      const value = params[name];
      return asBytes === undefined || typeof value !== 'number' ? String(value ?? whole) : shownSize(value);
    });
}

const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** "160 MiB", or where that is not all of it "9.07 MiB (9515584 bytes)": two sizes that differ never read the same. */
function shownSize(bytes: number): string {
  let at = 0;
  let rest = bytes;
  for (; rest >= 1024 && at < units.length - 1; at += 1) rest /= 1024;
  const short = `${Number(rest.toFixed(2))} ${units[at]}`;
  return Number(rest.toFixed(2)) === rest ? short : `${short} (${bytes} bytes)`;
}
