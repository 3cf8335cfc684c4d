/** Which version of the API is spoken: the newest that both sides know. */
import { WherryError } from '../../model/errors.ts';
import type { HttpsServer } from '../net/https.ts';
import { unreadable } from './vim25/soap.ts';
import { childOf, XmlReader, type XmlNode } from './vim25/xml-reader.ts';

/** The newest that the table was written and tried for. A newer server is asked in these terms: it speaks them too. */
const newestKnown = '8.0.3.0';
export const oldestSupported = '6.5';
const maxDocument = 1024 * 1024;

/** @throws provider.not_such_a_system when no vSphere answers, provider.version_unsupported, and what the network does. */
export async function negotiateVersion(https: HttpsServer, signal: AbortSignal): Promise<string> {
  const { system } = https;
  const notVsphere = (found: string): WherryError =>
    new WherryError('provider.not_such_a_system', { system, expected: 'vSphere', found });
  const answer = await https.send({ method: 'GET', path: '/sdk/vimServiceVersions.xml', repeatable: true }, signal);
  if ([429, 502, 503, 504].includes(answer.status)) {
    await drain(answer.chunks);
    throw new WherryError('provider.busy', { system }, new Error(`HTTP ${answer.status}`));
  }
  if (answer.status !== 200) {
    await drain(answer.chunks);
    throw notVsphere(`it answers /sdk/vimServiceVersions.xml with HTTP status ${answer.status}`);
  }
  const reader = new XmlReader(null);
  let root: XmlNode;
  let size = 0;
  try {
    for await (const chunk of answer.chunks) {
      size += chunk.length;
      if (size > maxDocument) throw notVsphere('its list of versions has no end');
      reader.write(chunk);
    }
    root = reader.close();
  } catch (error) {
    const problem = unreadable(error, system);
    if (problem instanceof WherryError && problem.code === 'provider.answer_broken') {
      throw notVsphere('its list of versions is something else');
    }
    throw problem;
  }
  const offered = versionsIn(root);
  if (offered === null) throw notVsphere('its list of versions does not name the vSphere API');
  const chosen = chooseVersion(offered);
  if (chosen === null) {
    throw new WherryError('provider.version_unsupported', {
      system,
      version: offered[0] ?? '',
      oldest: oldestSupported,
    });
  }
  return chosen;
}

/** The server's own version first, then those it speaks besides; null when the document is not about vim25. */
export function versionsIn(root: XmlNode): readonly string[] | null {
  const namespace = root.children.find(
    (child) => child.name === 'namespace' && childOf(child, 'name')?.text.trim() === 'urn:vim25',
  );
  if (namespace === undefined) return null;
  const prior = childOf(namespace, 'priorVersions')?.children ?? [];
  const all = [childOf(namespace, 'version'), ...prior].map((node) => node?.text.trim() ?? '');
  const versions = all.filter((text) => /^\d{1,4}(\.\d{1,4}){0,5}$/.test(text));
  return versions.length === 0 ? null : versions;
}

/** The newest that both know; null when the server's own is too old. */
export function chooseVersion(offered: readonly string[]): string | null {
  const newest = [...offered].sort(compareVersions).at(-1);
  if (newest === undefined || compareVersions(newest, oldestSupported) < 0) return null;
  const known = offered.filter(
    (version) => compareVersions(version, newestKnown) <= 0 && compareVersions(version, oldestSupported) >= 0,
  );
  // A server that is newer and lists none of ours still understands an older one.
  return known.sort(compareVersions).at(-1) ?? newestKnown;
}

export function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

async function drain(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > maxDocument) break;
  }
}
