/**
 * The VM at the target. Its UUID is the target copy's id, so that an earlier attempt's is found by a look-up; whose it is
 * says the mark in its metadata, which goes away when the migration is final.
 */
import { mkdir, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { WherryError } from '../../model/errors.ts';
import { fileBase, unlinkIfThere } from '../local/partial.ts';
import type { Made, Mark, Missing, TargetVm, VmRequest } from '../provider.ts';
import type { LibvirtClient } from './client.ts';
import { doing, type TargetContext } from './context.ts';
import { domainXml, metadataNamespace } from '../domain/domain-xml.ts';
import { hostNetworks } from './host.ts';
import { markOf, noneIfMissing } from './mark.ts';
import { chooseNetworks } from './networks.ts';
import { type Domain, inactiveXml, undefineEverything } from './rpc/calls.ts';
import { isLibvirtError } from './rpc/libvirt-error.ts';
import { publishDisks, settleDisks } from './volumes.ts';

export function planVm(context: TargetContext, request: VmRequest): TargetVm {
  return {
    name: request.targetName,
    ref: { uuid: request.mark.targetCopyId, consoleLog: consolePath(context, request) },
  };
}

function consolePath(context: TargetContext, request: VmRequest): string {
  return join(context.logDirectory, `${fileBase(request.targetName)}.${request.mark.targetCopyId}.console.log`);
}

/** @throws libvirt.name_taken, libvirt.volume_exists, libvirt.network_*. */
export async function createVm(
  context: TargetContext,
  planned: TargetVm,
  request: VmRequest,
  signal: AbortSignal,
): Promise<TargetVm> {
  const client = await context.client(signal);
  const { vm, mark, targetName } = request;
  const existing = await ourVm(client, mark, planned, signal);
  if (existing !== null && (await isActive(client, existing, signal))) return planned;
  const host = await hostNetworks(client, signal);
  const { connections, concerns } = chooseNetworks(vm, context.spec.networks, host);
  const blocking = concerns.find((concern) => concern.severity === 'critical');
  if (blocking !== undefined) throw networkError(blocking.code, blocking.params);
  await refuseTakenName(client, targetName, planned, signal);
  const paths = await publishDisks(client, targetName, request.disks, signal);
  const xml = domainXml({
    name: targetName,
    uuid: uuidOf(planned),
    targetCopyId: mark.targetCopyId,
    accelerator: await context.accelerator(),
    vm,
    guest: request.guest,
    disks: request.disks.map((disk, index) => ({ path: paths[index] ?? '', format: disk.format })),
    nics: connections,
    consoleLog: await usableLog(planned),
  });
  await doing('define the VM', targetName, client.domains.define(xml, signal));
  return planned;
}

/**
 * libvirt does not make the directory, and a VM whose log cannot be opened does not start: where there is none and none
 * can be made, the VM gets no log. A boot check then has one sign of life less.
 */
async function usableLog(planned: TargetVm): Promise<string | null> {
  const path = planned.ref['consoleLog'];
  if (path === undefined) return null;
  return mkdir(dirname(path), { recursive: true }).then(
    () => path,
    () => null,
  );
}

/** The name may have been taken since the concerns were looked at. */
async function refuseTakenName(
  client: LibvirtClient,
  name: string,
  planned: TargetVm,
  signal: AbortSignal,
): Promise<void> {
  const holder = await client.domains.byName(name, signal).catch(noneIfMissing);
  if (holder !== null && holder.uuid !== uuidOf(planned)) {
    throw new WherryError('libvirt.name_taken', { name, uri: client.uri });
  }
}

function networkError(code: string, params: Readonly<Record<string, string | number>>): WherryError {
  switch (code) {
    case 'libvirt.network_inactive':
    case 'libvirt.network_missing':
    case 'libvirt.network_unmapped':
      return new WherryError(code, params);
    default:
      return new WherryError('internal', {}, new Error(code));
  }
}

/** Powers it off, undefines it with its NVRAM and all that libvirt keeps of it, and removes our console log. */
export async function removeVm(context: TargetContext, mark: Mark, vm: TargetVm, signal: AbortSignal): Promise<void> {
  const client = await context.client(signal);
  const domain = await ourVm(client, mark, vm, signal);
  if (domain !== null) await doing('remove the VM', vm.name, removeDomain(client, domain, signal));
  await removeConsoleLog(vm);
}

async function removeDomain(client: LibvirtClient, domain: Domain, signal: AbortSignal): Promise<void> {
  await client.domains.destroy(domain, signal).catch((error: unknown) => {
    if (!isLibvirtError(error, 'operationInvalid', 'noDomain')) throw error; // it does not run
  });
  await client.domains.undefine(domain, undefineEverything, signal).catch(noneIfMissing);
  const left = await client.domains.byUuid(domain.uuid, signal).catch(noneIfMissing);
  if (left !== null) throw new Error('libvirt still lists the VM after it was undefined');
}

/**
 * Takes away what is only ours: the disks' partial names, the console's log file and, last because it says that all this
 * is still to be done, the mark. What remains is where the VM came from.
 */
export async function finalizeVm(
  context: TargetContext,
  { mark, vm, disks, gone }: Made & { readonly mark: Mark; readonly gone: boolean },
  signal: AbortSignal,
): Promise<Missing> {
  const client = await context.client(signal);
  const work = async (): Promise<Missing> => {
    const diskIds = await settleDisks(client, vm.name, { disks, gone }, signal);
    const domain = await client.domains.byUuid(uuidOf(vm), signal).catch(noneIfMissing);
    if (domain !== null && (await markOf(client, domain, signal)) === mark.targetCopyId) {
      const xml = await client.domains.xml(domain, inactiveXml, signal);
      // As libvirt writes it; it never breaks these elements over lines, and < is escaped in every text and attribute.
      const withoutLog = xml.replace(/\n\s*<log file='[^'<]*'[^<]*\/>/g, '');
      await client.domains.define(withoutLog, signal);
      const metadata = await client.domains.metadata(domain, metadataNamespace, signal);
      const unmarked = metadata.replace(/ target-copy=(?:"[^"]*"|'[^']*')/, '');
      await client.domains.setMetadata(
        domain,
        { element: unmarked, key: 'wherry', namespace: metadataNamespace },
        signal,
      );
    }
    await removeConsoleLog(vm);
    return { vm: domain === null, diskIds };
  };
  return doing('finish the VM', vm.name, work());
}

/** The domain with our UUID, when it carries our mark. @throws libvirt.not_ours when it carries another or none. */
async function ourVm(client: LibvirtClient, mark: Mark, vm: TargetVm, signal: AbortSignal): Promise<Domain | null> {
  const domain = await client.domains.byUuid(uuidOf(vm), signal).catch(noneIfMissing);
  if (domain === null) return null;
  if ((await markOf(client, domain, signal)) !== mark.targetCopyId) {
    throw new WherryError('libvirt.not_ours', { vm: domain.name });
  }
  return domain;
}

export async function isActive(client: LibvirtClient, domain: Domain, signal: AbortSignal): Promise<boolean> {
  const { state } = await client.domains.state(domain, signal);
  return state !== 'shut-off' && state !== 'crashed' && state !== 'no-state';
}

export function uuidOf(vm: TargetVm): string {
  const uuid = vm.ref['uuid'];
  if (uuid === undefined) throw new WherryError('internal', {}, new Error(`the VM ${vm.name} has no UUID`));
  return uuid;
}

/** The log and what virtlogd rotated away. Not readable for us: it stays, which harms nobody. */
async function removeConsoleLog(vm: TargetVm): Promise<void> {
  const path = vm.ref['consoleLog'];
  if (path === undefined) return;
  const name = basename(path);
  const names = await readdir(dirname(path)).catch(() => []);
  for (const found of names) {
    if (found === name || found.startsWith(`${name}.`)) {
      await unlinkIfThere(join(dirname(path), found)).catch(() => undefined);
    }
  }
}
