/** Which virt-v2v-in-place there is on this worker and what it can do. */
import { WherryError } from '../model/errors.ts';
import { runChild } from '../process/child.ts';

/** Newer packages keep it out of the PATH, because it is not meant for people. */
const places = ['virt-v2v-in-place', '/usr/libexec/virt-v2v-in-place', '/usr/lib/virt-v2v/virt-v2v-in-place'];

export type ToolVersion = {
  /** What to start. */
  readonly command: string;
  /** As it says, e.g. "2.2.0". */
  readonly version: string;
  /** It can write firmware and operating system to a document (`-O`; 2.8 and newer). */
  readonly outputXml: boolean;
};

/** @throws conversion.tool_missing when there is none, or one that cannot do what is needed. */
export async function inspectVersion(signal?: AbortSignal, commands: readonly string[] = places): Promise<ToolVersion> {
  const options = { timeoutMs: 30_000, maxOutputBytes: 1024 * 1024, ...(signal === undefined ? {} : { signal }) };
  let problem: unknown;
  for (const command of commands) {
    try {
      const version = await runChild(command, ['--version'], options);
      return parseVersion(command, version, await runChild(command, ['--machine-readable'], options));
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof WherryError) throw error;
      problem ??= error;
    }
  }
  throw new WherryError('conversion.tool_missing', { reason: 'virt-v2v-in-place does not run' }, problem);
}

/** `features` is what `--machine-readable` alone prints: one word per line. @throws conversion.tool_missing */
export function parseVersion(command: string, version: string, features: string): ToolVersion {
  const number = /(\d+\.\d+\.\d+)/.exec(version)?.[1];
  const words = new Set(features.split('\n').map((line) => line.trim()));
  if (number === undefined || !words.has('input:libvirtxml')) {
    const reason = `${command}${number === undefined ? '' : ` ${number}`} cannot read a libvirt document`;
    throw new WherryError('conversion.tool_missing', { reason }, new Error(version.trim().slice(0, 200)));
  }
  return { command, version: number, outputXml: words.has('output-xml-option') };
}
