/**
 * The appliance runs programs of the guest (its update-initramfs), and nobody trusts the guest: it gets no network but an
 * empty name space. Where libguestfs uses passt, which refuses to start in an empty one, the network is left as it is.
 */
import { access } from 'node:fs/promises';
import { runChild } from '../process/child.ts';

let known: Promise<readonly string[]> | undefined;

/** Words to put before a command. Empty where user name spaces are not allowed, or where passt is installed. */
export function withoutNetwork(): Promise<readonly string[]> {
  return (known ??= find());
}

async function find(): Promise<readonly string[]> {
  const passt = await access('/usr/bin/passt').then(
    () => true,
    () => false,
  );
  if (passt) return [];
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-current-user'];
  // Entering a user name space makes the kernel forget whom we wanted to die with, so it is said again.
  const words = ['unshare', ...user, '--net', '--', 'setpriv', '--pdeathsig', 'KILL', '--'];
  const [command = '', ...rest] = words;
  return runChild(command, [...rest, 'true'], { timeoutMs: 10_000 }).then(
    () => words,
    () => [],
  );
}
