/**
 * Tags are not in the SOAP API: vCenter's REST API has them. They are read with everything else; changes of them alone are
 * not told by anybody and show with the next full read.
 */
import { bytesOf, type HttpsRequest } from '../../net/https.ts';
import type { Session } from '../session.ts';

/** Names of tags by the reference of the VM. */
export type Tags = ReadonlyMap<string, readonly string[]>;

const base = '/rest/com/vmware/cis';
const maxJson = 16 * 1024 * 1024;
const maxTags = 2_000;
const atOnce = 3;

/** Empty where there is no such API (ESXi), or it does not let this account in: tags are never a reason to fail. */
export async function readTags(session: Session, signal: AbortSignal): Promise<Tags> {
  const tags = new Map<string, string[]>();
  if (session.content.about.apiType !== 'VirtualCenter') return tags;
  const { https } = session.soap;
  const ask = async (
    method: HttpsRequest['method'],
    path: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<unknown> => {
    const wanted = { method, path: `${base}${path}`, headers, repeatable: method === 'GET' };
    const answer = await https.send(method === 'POST' ? { ...wanted, body: '' } : wanted, signal);
    const text = (await bytesOf(answer, maxJson)).toString('utf8');
    if (answer.status !== 200) throw new Error(`HTTP ${answer.status}`);
    return text === '' ? null : valueOf(JSON.parse(text));
  };
  try {
    const id = await ask('POST', '/session', { authorization: session.basicAuthorization() });
    if (typeof id !== 'string') return tags;
    const headers = { 'vmware-api-session-id': id };
    try {
      const ids = listOf(await ask('GET', '/tagging/tag', headers), (item) => item as string).slice(0, maxTags);
      for (let at = 0; at < ids.length; at += atOnce) {
        await Promise.all(ids.slice(at, at + atOnce).map((tag) => readTag(tag, tags, (m, p) => ask(m, p, headers))));
      }
    } finally {
      await ask('DELETE', '/session', headers).catch(() => undefined);
    }
  } catch {
    signal.throwIfAborted();
  }
  return tags;
}

async function readTag(
  id: string,
  tags: Map<string, string[]>,
  ask: (method: HttpsRequest['method'], path: string) => Promise<unknown>,
): Promise<void> {
  const shown = encodeURIComponent(id);
  const tag = await ask('GET', `/tagging/tag/id:${shown}`);
  const name = tag instanceof Object && 'name' in tag ? tag.name : null;
  if (typeof name !== 'string') return;
  const attached = await ask('POST', `/tagging/tag-association/id:${shown}?~action=list-attached-objects`);
  for (const vm of listOf(attached, vmOf)) tags.set(vm, [...(tags.get(vm) ?? []), name].sort());
}

function vmOf(item: unknown): string | null {
  if (!(item instanceof Object) || !('type' in item) || !('id' in item)) return null;
  return item.type === 'VirtualMachine' && typeof item.id === 'string' ? item.id : null;
}

function listOf(list: unknown, read: (item: unknown) => string | null): string[] {
  if (!Array.isArray(list)) return [];
  return list.map(read).filter((item) => typeof item === 'string');
}

function valueOf(answer: unknown): unknown {
  return answer instanceof Object && 'value' in answer ? answer.value : answer;
}
