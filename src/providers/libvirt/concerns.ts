/** What stands in the way of a VM at this target, or deserves a word. Changes nothing. */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Concern } from '../../model/concern.ts';
import { toStored, WherryError } from '../../model/errors.ts';
import type { Vm } from '../../model/vm.ts';
import { partialName, sameFile } from '../local/partial.ts';
import type { Mark } from '../provider.ts';
import type { LibvirtClient } from './client.ts';
import type { TargetContext } from './context.ts';
import { hostFirmware, hostNetworks } from './host.ts';
import { noneIfMissing } from './mark.ts';
import { chooseNetworks } from './networks.ts';
import { findPool } from './pool.ts';
import { spaceConcerns } from '../local/space.ts';
import { finalName } from './volumes.ts';

export type ConcernRequest = { readonly mark: Mark; readonly vm: Vm; readonly targetName: string };

export async function libvirtConcerns(
  context: TargetContext,
  request: ConcernRequest,
  signal: AbortSignal,
): Promise<Concern[]> {
  const client = await context.client(signal);
  return [
    ...(await nameConcerns(client, request, signal)),
    ...(await poolConcerns(context, client, request, signal)),
    ...chooseNetworks(request.vm, context.spec.networks, await hostNetworks(client, signal)).concerns,
    ...(await machineConcerns(context, client, request.vm, signal)),
  ];
}

async function nameConcerns(client: LibvirtClient, request: ConcernRequest, signal: AbortSignal): Promise<Concern[]> {
  const name = request.targetName;
  // libvirt says so only when it is defined, which is after the copy.
  if (name.trim() === '' || /[/\p{Cc}]/u.test(name)) {
    return [{ code: 'libvirt.name_invalid', severity: 'critical', params: { name } }];
  }
  const holder = await client.domains.byName(name, signal).catch(noneIfMissing);
  if (holder === null || holder.uuid === request.mark.targetCopyId) return [];
  return [{ code: 'libvirt.name_taken', severity: 'critical', params: { name, uri: client.uri } }];
}

async function poolConcerns(
  context: TargetContext,
  client: LibvirtClient,
  request: ConcernRequest,
  signal: AbortSignal,
): Promise<Concern[]> {
  const { pool: name, format } = context.spec;
  let found: Awaited<ReturnType<typeof findPool>>;
  try {
    found = await findPool(client, name, signal);
  } catch (error) {
    if (!(error instanceof WherryError) || !error.code.startsWith('libvirt.pool_')) throw error;
    const { causes } = toStored(error);
    return [{ code: error.code, severity: 'critical', params: { ...error.params }, causes: [...causes] }];
  }
  const concerns: Concern[] = [];
  let ownBytes = 0;
  for (const index of request.vm.disks.keys()) {
    const volume = finalName(request.targetName, index, format);
    const final = join(found.path, volume);
    const partial = join(found.path, partialName(volume, request.mark.targetCopyId));
    ownBytes += await storedBytes(partial);
    const taken = (await lstat(final).catch(() => undefined)) !== undefined && !(await sameFile(partial, final));
    if (taken) concerns.push({ code: 'libvirt.volume_exists', severity: 'critical', params: { pool: name, volume } });
  }
  const room = { availableBytes: found.availableBytes, ownBytes, subject: 'libvirt', where: { pool: name } } as const;
  return [...concerns, ...spaceConcerns(request.vm, format, room)];
}

async function storedBytes(path: string): Promise<number> {
  const found = await lstat(path).catch(() => undefined);
  return found === undefined ? 0 : found.blocks * 512;
}

async function machineConcerns(
  context: TargetContext,
  client: LibvirtClient,
  vm: Vm,
  signal: AbortSignal,
): Promise<Concern[]> {
  const accelerator = await context.accelerator();
  const concerns: Concern[] = [];
  if (accelerator === 'tcg') concerns.push({ code: 'libvirt.emulated', severity: 'warning', params: { vm: vm.name } });
  const firmware = await hostFirmware(client, { arch: null, accelerator }, signal);
  const missing =
    vm.firmware.type === 'bios'
      ? null
      : vm.firmware.secureBoot && firmware?.secureBoot !== true
        ? 'UEFI with Secure Boot'
        : firmware?.efi === true
          ? null
          : 'UEFI';
  if (missing !== null) {
    const params = { vm: vm.name, firmware: missing };
    concerns.push({ code: 'libvirt.firmware_missing', severity: 'critical', params });
  }
  return concerns;
}
