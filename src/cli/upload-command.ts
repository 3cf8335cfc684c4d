/** `wherry upload FILE... --to PROVIDER`: puts files into a store, and goes on where an upload was broken off. */
import { createReadStream, statSync } from 'node:fs';
import { basename } from 'node:path';
import type { Command } from 'commander';
import type { ProviderView } from '../inventory/api.ts';
import type { UploadView } from '../inventory/upload-api.ts';
import { WherryError } from '../model/errors.ts';
import type { Client } from './client.ts';
import { clientFor, type CommonFlags, run, withCommonFlags } from './command.ts';
import { plain, printJson, shownBytes } from './output.ts';

type Flags = CommonFlags & { readonly to: string; readonly folder?: string; readonly again?: boolean };

/** Small enough that little is sent twice, large enough that asking costs nothing. */
const partBytes = 32 * 1024 * 1024;

export function addUploadCommand(program: Command): void {
  withCommonFlags(
    program
      .command('upload <file...>')
      .description('put OVAs, OVFs with their disks, or images into a store that is a directory of a worker')
      .requiredOption('--to <provider>', 'the store, by name or id')
      .option('--folder <name>', 'a folder of the store: the files of one VM belong together')
      .option('--again', 'what was broken off is given up, and begun anew'),
  ).action((files: string[], flags: Flags) => run(flags, () => upload(files, flags)));
}

async function upload(files: readonly string[], flags: Flags): Promise<void> {
  const client = clientFor(flags);
  const { items } = await client.get<{ items: ProviderView[] }>('/providers');
  const store = items.find(({ id, name }) => id === flags.to || name.toLowerCase() === flags.to.toLowerCase());
  if (store === undefined) throw new WherryError('provider.not_found', { provider: flags.to });
  const done: UploadView[] = [];
  for (const file of files) {
    const name = flags.folder === undefined ? basename(file) : `${flags.folder}/${basename(file)}`;
    done.push(await send(client, store.id, { path: file, name }, flags));
  }
  if (flags.json === true) printJson(done);
}

async function send(
  client: Client,
  store: string,
  { path, name }: { readonly path: string; readonly name: string },
  { again = false, json = false }: Flags,
): Promise<UploadView> {
  const { sizeBytes, file } = identityOf(path);
  const { items } = await client.get<{ items: UploadView[] }>(`/providers/${store}/uploads`);
  const open = items.find((one) => one.state === 'open' && one.name === name);
  if (again && open !== undefined) await client.delete(`/uploads/${open.id}`);
  // The halves of two files are no file: of the same size they may well be, as images are.
  const isSame = !again && open?.file === file && open.sizeBytes === sizeBytes;
  let at = isSame ? open : await client.post<UploadView>(`/providers/${store}/uploads`, { name, sizeBytes, file });
  while (at.doneBytes < sizeBytes) {
    const end = Math.min(at.doneBytes + partBytes, sizeBytes);
    const body = createReadStream(path, { start: at.doneBytes, end: end - 1 });
    at = await client.upload<UploadView>(`/uploads/${at.id}?offset=${at.doneBytes}`, body, end - at.doneBytes);
    if (!json) process.stderr.write(plain(`${name}: ${shownBytes(at.doneBytes)} of ${shownBytes(sizeBytes)}\n`));
  }
  if (identityOf(path).file !== file)
    throw new WherryError('client.usage', { problem: `${path} was changed while it was sent: send it with --again` });
  return client.post<UploadView>(`/uploads/${at.id}/finish`);
}

/** `file`: changes when it is written to, or another file takes its place. */
function identityOf(path: string): { readonly sizeBytes: number; readonly file: string } {
  const stats = statSync(path, { throwIfNoEntry: false, bigint: true });
  if (stats?.isFile() !== true) throw new WherryError('client.usage', { problem: `there is no file ${path}` });
  return { sizeBytes: Number(stats.size), file: `${stats.ino}:${stats.size}:${stats.mtimeNs}` };
}
