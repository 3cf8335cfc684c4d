/** Which virt-v2v-in-place there is on this worker and what it can do. */
import { WherryError } from '../model/errors.ts';
import { runChild } from '../process/child.ts';

export const tool = 'virt-v2v-in-place';

export type ToolVersion = {
  /** As it says, e.g. "2.2.0". */
  readonly version: string;
  /** It can write firmware and operating system to a document (`-O`; 2.8 and newer). */
  readonly outputXml: boolean;
  /** It lets the block driver be chosen for Windows (2.4 and newer, where the build has it). */
  readonly blockDriver: boolean;
};

/** @throws conversion.tool_missing when there is none, or one that cannot do what is needed. */
export async function inspectVersion(signal?: AbortSignal): Promise<ToolVersion> {
  const options = { timeoutMs: 30_000, maxOutputBytes: 1024 * 1024, ...(signal === undefined ? {} : { signal }) };
  try {
    const version = await runChild(tool, ['--version'], options);
    const features = await runChild(tool, ['--machine-readable'], options);
    return parseVersion(version, features);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof WherryError) throw error;
    throw new WherryError('conversion.tool_missing', { reason: `${tool} does not run` }, error);
  }
}

/** `features` is what `--machine-readable` alone prints: one word per line. */
export function parseVersion(version: string, features: string): ToolVersion {
  const number = /(\d+\.\d+\.\d+)/.exec(version)?.[1];
  const words = new Set(features.split('\n').map((line) => line.trim()));
  if (number === undefined || !words.has('input:libvirtxml')) {
    const reason = `${tool} ${number ?? ''} cannot read a libvirt document`.replace('  ', ' ');
    throw new WherryError('conversion.tool_missing', { reason }, new Error(version.trim().slice(0, 200)));
  }
  return { version: number, outputXml: words.has('output-xml-option'), blockDriver: words.has('block-driver-option') };
}
