/** Which disks `wherry verify` is asked about: told on the command line, or by what the server knows of a migration. */
import type { MigrationView, VmMigrationDetail } from '../migration/api.ts';
import { WherryError } from '../model/errors.ts';
import type { Client } from './client.ts';

type Format = 'raw' | 'qcow2';
export type DiskAsked = { readonly disk: string; readonly path: string; readonly format: Format };

/**
 * @param asked "ID=PATH", with the id or the name of a disk in the manifest; a manifest with one disk needs no ID
 * @throws client.usage
 */
export function disksAsked(
  known: ReadonlyArray<{ readonly disk: string; readonly name: string }>,
  asked: readonly string[],
  format: Format | undefined,
): DiskAsked[] {
  const names = known.map(({ disk, name }) => (name === '' || name === disk ? disk : `${disk} (${name})`)).join(', ');
  if (asked.length === 0) throw usage(`name the images with --disk ID=PATH; the manifest has ${names}`);
  const found = asked.map((text): DiskAsked => {
    const named = known.flatMap(({ disk, name }) =>
      [disk, name].flatMap((word) =>
        text.startsWith(`${word}=`) ? [{ disk, path: text.slice(word.length + 1) }] : [],
      ),
    );
    const [only] = known;
    const one = named[0] ?? (known.length === 1 && !text.includes('=') ? { disk: only?.disk ?? '', path: text } : null);
    if (one === null) throw usage(`--disk ${text} is not ID=PATH with a disk of the manifest: ${names}`);
    if (named.some(({ disk }) => disk !== one.disk)) {
      throw usage(`--disk ${text} may mean several disks: use an id of ${names}`);
    }
    return { ...one, format: format ?? formatOf(one.path) };
  });
  const twice = found.find(({ disk }, at) => found.findIndex((one) => one.disk === disk) < at);
  if (twice !== undefined) throw usage(`disk ${twice.disk} is named twice`);
  return found;
}

const usage = (problem: string): WherryError => new WherryError('client.usage', { problem });

/** By the name alone: what an image holds may say anything. @throws client.usage */
function formatOf(path: string): Format {
  if (/\.qcow2$/i.test(path)) return 'qcow2';
  if (/\.(raw|img)(\.gz)?$/i.test(path) || path.startsWith('/dev/')) return 'raw';
  throw usage(`say the format of ${path} with --format`);
}

/**
 * The disks of a migration, or of one VM of it, where the ledger says that they were handed over.
 * @throws request.not_found, client.no_disks
 */
export async function disksOfMigration(
  client: Pick<Client, 'get'>,
  id: string,
): Promise<{ vmMigrationId: string; disks: DiskAsked[] }[]> {
  const details: VmMigrationDetail[] = [];
  for (const vm of await vmsOf(client, id)) details.push(await client.get(`/vm-migrations/${encodeURIComponent(vm)}`));
  return details.map(({ id: vmMigrationId, ledger, vmName }) => {
    const disks = ledger.flatMap(({ kind, state, ref }) => {
      const disk = kind === 'target-disk' && state === 'handed_over' ? diskOf(ref) : null;
      return disk === null ? [] : [disk];
    });
    if (disks.length === 0) throw new WherryError('client.no_disks', { vm: vmName });
    return { vmMigrationId, disks };
  });
}

async function vmsOf(client: Pick<Client, 'get'>, id: string): Promise<string[]> {
  try {
    const view = await client.get<MigrationView>(`/migrations/${encodeURIComponent(id)}`);
    return view.vmMigrations.map((vm) => vm.id);
  } catch (error) {
    if (error instanceof WherryError && error.code === 'request.not_found') return [id];
    throw error;
  }
}

/** A target disk's ledger entry, when it is a file on some machine. */
function diskOf(ref: unknown): DiskAsked | null {
  if (typeof ref !== 'object' || ref === null) return null;
  const { diskId, format, ref: handle }: { diskId?: unknown; format?: unknown; ref?: unknown } = ref;
  if (typeof handle !== 'object' || handle === null) return null;
  const { path }: { path?: unknown } = handle;
  if (typeof diskId !== 'string' || typeof path !== 'string') return null;
  return format === 'raw' || format === 'qcow2' ? { disk: diskId, path, format } : null;
}
