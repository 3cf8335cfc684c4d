/** `wherry provider add|check|browse|list|show|edit|refresh|rm` */
import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import type { ProviderCheck, ProviderView, UnsavedInventory } from '../inventory/api.ts';
import { WherryError } from '../model/errors.ts';
import { secretNames } from '../model/secret-names.ts';
import type { ProviderAccount } from '../model/provider.ts';
import type { WorkerView } from '../migration/api.ts';
import type { Client } from './client.ts';
import { clientFor, type CommonFlags, run, withCommonFlags } from './command.ts';
import { exitCodes, plain, printJson, printTable } from './output.ts';
import { type AccountFlags, accountOf, fingerprintOf, withTrust } from './provider-account.ts';
import { printUnsaved } from './provider-browse.ts';
import { printCertificate, printCheck, printProvider, providerColumns } from './provider-output.ts';
import { askUser, readSecrets, type SecretFlags } from './secret-input.ts';

type Flags = CommonFlags &
  AccountFlags &
  SecretFlags & {
    readonly via?: string;
    readonly ca?: string;
    readonly check: boolean;
    readonly address?: string;
    readonly name?: string;
    readonly filter?: string;
  };

/** A worker has 55 s for a check, and 115 s to read all of a source. */
const checkMs = 90_000;
const browseMs = 150_000;

export function addProviderCommand(program: Command): void {
  const provider = program.command('provider').description('hypervisors and stores that VMs come from');
  withAccountFlags(
    provider
      .command('add <name> <address>')
      .description('add one: https://vcenter, qemu+ssh://user@host/system, a directory of OVAs on a worker, …')
      .addOption(new Option('--type <type>', 'what it is, where the address does not tell').choices(types))
      .option('--no-check', 'save it without a check'),
  ).action((name: string, address: string, flags: Flags) => run(flags, () => add(name, address, flags)));
  withAccountFlags(
    provider
      .command('check [provider]')
      .description('check one that is saved, or with --address one that is not')
      .option('--address <address>', 'of one that is not saved')
      .addOption(new Option('--type <type>', 'what it is, where the address does not tell').choices(types)),
  ).action((name: string | undefined, flags: Flags) => run(flags, () => check(name, flags)));
  withAccountFlags(
    provider
      .command('browse <address>')
      .description('list the VMs of a source without saving it: address and secrets are forgotten with the answer')
      .option('--filter <filter>', 'for example: name ~ web* and power = on (docs/search.md)')
      .addOption(new Option('--type <type>', 'what it is, where the address does not tell').choices(types)),
  ).action((address: string, flags: Flags) => run(flags, () => browse(address, flags)));
  withCommonFlags(provider.command('list').description('all of them with their state')).action((flags: CommonFlags) =>
    run(flags, async () => {
      const { items } = await clientFor(flags).get<{ items: ProviderView[] }>('/providers');
      if (flags.json === true) printJson(items);
      else printTable(items, providerColumns);
    }),
  );
  withCommonFlags(provider.command('show <provider>').description('one of them, with its last check')).action(
    (name: string, flags: CommonFlags) =>
      run(flags, async () => {
        const view = await find(clientFor(flags), name);
        if (flags.json === true) printJson(view);
        else printProvider(view);
      }),
  );
  withAccountFlags(
    provider
      .command('edit <provider>')
      .description('change name, address, user, secrets, trust or worker; what is not said stays')
      .option('--name <name>', 'another name')
      .option('--address <address>', 'another address; its secrets have to be given again'),
  ).action((name: string, flags: Flags) => run(flags, () => edit(name, flags)));
  withCommonFlags(provider.command('refresh <provider>').description('read all of it again')).action(
    (name: string, flags: CommonFlags) =>
      run(flags, async () => {
        const client = clientFor(flags);
        const { id } = await find(client, name);
        const view = await client.post<ProviderView>(`/providers/${id}/refresh`);
        if (flags.json === true) printJson(view);
      }),
  );
  withCommonFlags(
    provider.command('rm <provider>').description('remove it; what was in it is remembered, should it come back'),
  ).action((name: string, flags: CommonFlags) =>
    run(flags, async () => {
      const client = clientFor(flags);
      await client.delete(`/providers/${(await find(client, name)).id}`);
    }),
  );
}

const types = ['vsphere', 'libvirt', 'ova'] as const;

function withAccountFlags(command: Command): Command {
  return withCommonFlags(command)
    .option('--username <name>', 'who signs in')
    .option('--password-stdin', 'the password is on standard input')
    .option(
      '--secret <name=file>',
      'password, privateKey, passphrase, clientKey or query (what stands after the ? of a web address) from a file; - is standard input',
      collect,
      [],
    )
    .option('--ca <file>', 'PEM file of the authority that signed its certificate')
    .option('--trust-fingerprint <sha256>', 'trust this certificate or ssh host key, and no other')
    .option('--via <worker>', 'name or id of the worker that reaches it; any: the server chooses');
}

async function add(name: string, address: string, flags: Flags): Promise<void> {
  const client = clientFor(flags);
  const made = await withTrusted(client, address, flags, (body) =>
    client.post<ProviderView>('/providers', { name, ...body, check: flags.check }, { timeoutMs: checkMs }),
  );
  if (flags.json === true) printJson(made);
  else printProvider(made);
}

async function browse(address: string, flags: Flags): Promise<void> {
  const client = clientFor(flags);
  const { filter = '' } = flags;
  const found = await withTrusted(client, address, flags, (body) =>
    client.post<UnsavedInventory>('/providers/browse', { ...body, filter }, { timeoutMs: browseMs }),
  );
  if (flags.json === true) printJson(found);
  else printUnsaved(found);
}

type Source = { readonly account: ProviderAccount; readonly secrets: object; readonly via: string | null };

/** Once more where what the system shows is not trusted yet, and somebody who was asked trusts it. */
async function withTrusted<T>(
  client: Client,
  address: string,
  flags: Flags,
  work: (source: Source) => Promise<T>,
): Promise<T> {
  const secrets = readSecrets(flags);
  const via = await viaOf(client, flags.via);
  const account = accountOf(address, flags, pemOf(flags));
  await askForPassword(account, secrets);
  try {
    return await work({ account, secrets, via });
  } catch (error) {
    // Nothing was sent there: a password is tried once, and only on a system that is trusted.
    const trusted = isDistrust(error) ? await askForTrust(client, { account, secrets, via }) : null;
    if (trusted === null) throw error;
    return work({ account: trusted, secrets, via });
  }
}

function isDistrust(error: unknown): boolean {
  return error instanceof WherryError && /^provider\.(certificate|host_key)_/.test(error.code);
}

/** Shows what is not trusted yet, and asks; null where it is not trusted, or nobody can be asked. */
async function askForTrust(client: Client, body: Source): Promise<ProviderAccount | null> {
  const { certificate } = await client.post<ProviderCheck>('/providers/check', body, { timeoutMs: checkMs });
  if (certificate === null) return null;
  printCertificate(certificate);
  const answer = await askUser('Is it the one of the system itself, and do you trust it? (yes/no) ');
  return answer?.trim().toLowerCase() === 'yes' ? withTrust(body.account, certificate.shown) : null;
}

async function check(name: string | undefined, flags: Flags): Promise<void> {
  const client = clientFor(flags);
  const found = name === undefined ? await checkUnsaved(client, flags) : await checkSaved(client, name);
  if (flags.json === true) printJson(found);
  else printCheck(found);
  if (!found.ok) process.exitCode = exitCodes.failed;
}

async function checkSaved(client: Client, name: string): Promise<ProviderCheck> {
  const { id } = await find(client, name);
  return client.post<ProviderCheck>(`/providers/${id}/check`, {}, { timeoutMs: checkMs });
}

async function checkUnsaved(client: Client, flags: Flags): Promise<ProviderCheck> {
  if (flags.address === undefined)
    throw new WherryError('client.usage', { problem: 'name a provider, or give --address' });
  const account = accountOf(flags.address, flags, pemOf(flags));
  const secrets = readSecrets(flags);
  await askForPassword(account, secrets);
  const body = { account, secrets, via: await viaOf(client, flags.via) };
  return client.post<ProviderCheck>('/providers/check', body, { timeoutMs: checkMs });
}

async function edit(name: string, flags: Flags): Promise<void> {
  const client = clientFor(flags);
  const before = await find(client, name);
  const secrets = readSecrets(flags);
  const account = editedAccount(before.account, flags);
  const body = {
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(account === before.account ? {} : { account }),
    ...(Object.keys(secrets).length === 0 ? {} : { secrets }),
    ...(flags.via === undefined ? {} : { via: await viaOf(client, flags.via) }),
  };
  const view = await client.patch<ProviderView>(`/providers/${before.id}`, body);
  if (flags.json === true) printJson(view);
  else printProvider(view);
}

function editedAccount(before: ProviderAccount, flags: Flags): ProviderAccount {
  let account = before;
  if (flags.address !== undefined) {
    const place = {
      vsphere: { url: flags.address },
      libvirt: { uri: flags.address },
      ova: { location: flags.address },
    };
    account = { ...account, ...place[account.type] } as ProviderAccount;
  }
  if (flags.username !== undefined) account = { ...account, username: flags.username } as ProviderAccount;
  const pem = pemOf(flags);
  if (pem !== null) account = { ...account, trust: { kind: 'ca', pem } };
  if (flags.trustFingerprint !== undefined) account = withTrust(account, fingerprintOf(flags.trustFingerprint));
  return account;
}

async function find(client: Client, name: string): Promise<ProviderView> {
  const { items } = await client.get<{ items: ProviderView[] }>('/providers');
  const found = items.find((one) => one.id === name || one.name.toLowerCase() === name.toLowerCase());
  if (found === undefined) throw new WherryError('provider.not_found', { provider: name });
  return found;
}

async function viaOf(client: Client, worker: string | undefined): Promise<string | null> {
  if (worker === undefined || worker === 'any') return null;
  const { items } = await client.get<{ items: WorkerView[] }>('/workers');
  const found = items.filter(({ id, name }) => id === worker || name === worker);
  if (found.length > 1)
    throw new WherryError('client.usage', { problem: `several workers are named ${worker}: give the id` });
  const [only] = found;
  if (only === undefined) throw new WherryError('request.not_found', { kind: 'worker', id: plain(worker) });
  return only.id;
}

/** Only where it is surely needed: a user is named, and no secret was given. */
async function askForPassword(account: ProviderAccount, secrets: Record<string, string>): Promise<void> {
  const isNeeded = 'username' in account && account.username !== undefined;
  if (!isNeeded || Object.keys(secrets).length > 0 || !secretNames[account.type].includes('password')) return;
  const password = await askUser('Password: ', true);
  if (password !== null && password !== '') secrets['password'] = password;
}

function pemOf({ ca }: Flags): string | null {
  if (ca === undefined) return null;
  try {
    return readFileSync(ca, 'utf8');
  } catch (error) {
    throw new WherryError('client.usage', { problem: `${ca} cannot be read` }, error);
  }
}

function collect(word: string, words: string[]): string[] {
  return [...words, word];
}
