/** Whose a domain is. */
import type { LibvirtClient } from './client.ts';
import { metadataNamespace } from '../domain/domain-xml.ts';
import type { Domain } from './rpc/calls.ts';
import { isLibvirtError } from './rpc/libvirt-error.ts';
import { parseXml } from '../domain/xml.ts';

/** The target copy that a domain belongs to; null when it is not ours, or no longer. */
export async function markOf(client: LibvirtClient, domain: Domain, signal: AbortSignal): Promise<string | null> {
  try {
    const metadata = await client.domains.metadata(domain, metadataNamespace, signal);
    return parseXml(metadata).attributes['target-copy'] ?? null;
  } catch (error) {
    if (isLibvirtError(error, 'noDomainMetadata', 'noDomain', 'noSupport')) return null;
    throw error;
  }
}

/** For `catch`: a domain that is not there is null. */
export function noneIfMissing(error: unknown): null {
  if (isLibvirtError(error, 'noDomain')) return null;
  throw error;
}
