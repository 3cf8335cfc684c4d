/** Somebody else at the same vCenter who gives VMs tags, over its REST API. */
import { bytesOf, HttpsServer } from '../../src/providers/net/https.ts';
import type { VsphereAccount } from '../../src/model/provider.ts';

export type TagControl = Disposable & {
  /** @returns its id */
  create(name: string): Promise<string>;
  delete(tag: string): Promise<void>;
  attach(tag: string, vm: string): Promise<void>;
  detach(tag: string, vm: string): Promise<void>;
};

const callMs = 60_000;

export async function openTagControl(account: VsphereAccount, password: string): Promise<TagControl> {
  const https = new HttpsServer(new URL(account.url), account.trust);
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  const ask = async (method: 'POST' | 'DELETE', path: string, body: unknown = {}, more = {}): Promise<unknown> => {
    const wanted = { method, path: `/rest/com/vmware/cis${path}`, body: JSON.stringify(body), repeatable: false };
    const answer = await https.send({ ...wanted, headers: { ...headers, ...more } }, AbortSignal.timeout(callMs));
    const text = (await bytesOf(answer, 1_000_000)).toString('utf8');
    if (answer.status !== 200) throw new Error(`${path}: HTTP ${answer.status} ${text}`);
    return text === '' ? null : (JSON.parse(text) as { value: unknown }).value;
  };
  const basic = Buffer.from(`${account.username}:${password}`).toString('base64');
  headers['vmware-api-session-id'] = String(await ask('POST', '/session', {}, { authorization: `Basic ${basic}` }));
  const create_spec = {
    name: `wherry-${crypto.randomUUID()}`,
    description: '',
    cardinality: 'MULTIPLE',
    associable_types: [],
  };
  const category_id = await ask('POST', '/tagging/category', { create_spec });
  const associate = async (action: string, tag: string, id: string): Promise<void> => {
    const path = `/tagging/tag-association/id:${encodeURIComponent(tag)}?~action=${action}`;
    await ask('POST', path, { object_id: { type: 'VirtualMachine', id } });
  };
  return {
    create: async (name) =>
      String(await ask('POST', '/tagging/tag', { create_spec: { name, description: '', category_id } })),
    delete: async (tag) => void (await ask('DELETE', `/tagging/tag/id:${encodeURIComponent(tag)}`)),
    attach: (tag, vm) => associate('attach', tag, vm),
    detach: (tag, vm) => associate('detach', tag, vm),
    [Symbol.dispose]: () => https[Symbol.dispose](),
  };
}
