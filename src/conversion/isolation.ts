/**
 * The appliance runs programs of the guest (its update-initramfs), and nobody trusts the guest: it gets no network but an
 * empty name space where that can be had: as root, and where libguestfs does not use passt, which refuses to start in an
 * empty one. Elsewhere the network is left as it is.
 */
import { access, readFile } from 'node:fs/promises';
import { runChild } from '../process/child.ts';

let known: Promise<readonly string[]> | undefined;

/** Words to put before a command. Empty where the network is left as it is. */
export function withoutNetwork(): Promise<readonly string[]> {
  return (known ??= find());
}

async function find(): Promise<readonly string[]> {
  const passt = await access('/usr/bin/passt').then(
    () => true,
    () => false,
  );
  if (passt) return [];
  // In a user name space files of root look like nobody's, and the appliance that supermin makes of them does not boot.
  if (process.getuid?.() !== 0 || (await insideUserNamespace())) return [];
  const words = ['unshare', '--net', '--'];
  const [command = '', ...rest] = words;
  return runChild(command, [...rest, 'true'], { timeoutMs: 10_000 }).then(
    () => words,
    () => [],
  );
}

/** Root of a user name space is not root: its map is not the whole range of ids. */
async function insideUserNamespace(): Promise<boolean> {
  const map = await readFile('/proc/self/uid_map', 'utf8').catch(() => '');
  return !/^\s*0\s+0\s+4294967295\s*$/.test(map);
}
