/**
 * How ssh gets a secret without it ever being an argument, in an environment or on a disk: a private key goes through a pipe
 * into an agent of our own; a password or passphrase lies in the buffer of a FIFO that the askpass script empties once.
 */
import { constants } from 'node:fs';
import { type FileHandle, mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WherryError } from '../../../model/errors.ts';
import { runTied, startTied } from './tied.ts';

export type SshSecrets = {
  /** Private to us (0700), with nothing secret in it. Holds the known_hosts file; ssh has to run in it. */
  readonly directory: string;
  /** Of the ssh process. */
  readonly env: Readonly<Record<string, string>>;
  /** The arguments that say how to sign in. */
  readonly args: readonly string[];
  /** Takes agent, FIFO and directory away. May be called twice. */
  drop(): Promise<void>;
};

/** What our askpass script says before it ends a program that did not take the first answer. */
export const askedTwice = 'the answer was not taken';
/** What it says when it hands a password out: from then on it counts as tried. */
export const passwordGiven = 'wherry: the password was given';

/**
 * As seen from the directory, in which agent, ssh-add and ssh run: the path of a unix socket may have 107 bytes, and a temporary
 * directory can be longer.
 */
const agent = './agent';

/** One line may be as long as a pipe takes in one piece (PIPE_BUF). */
const maxSecretBytes = 4_000;

/** @throws provider.setting_wrong for a key that ssh-add does not take, provider.secret_missing when there is none. */
export async function sshSecrets(
  system: string,
  secrets: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<SshSecrets> {
  const directory = await mkdtemp(join(tmpdir(), 'wherry-ssh-'));
  const freed: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  const drop = async (): Promise<void> => {
    for (const free of freed.splice(0).toReversed()) await free().catch(() => undefined);
  };
  try {
    const key = secrets['privateKey'];
    const password = secrets['password'];
    if (key !== undefined && key !== '') {
      await startAgent(directory, freed, signal);
      await addKey({ directory, key, passphrase: secrets['passphrase'] ?? '' }, freed, signal);
      const args = ['-o', `IdentityAgent=${agent}`, '-o', 'PreferredAuthentications=publickey', '-o', 'BatchMode=yes'];
      return { directory, env: {}, args, drop };
    }
    if (password === undefined || password === '') {
      throw new WherryError('provider.secret_missing', { system, secret: 'privateKey or password' });
    }
    const env = await askpass(directory, password, 'password', freed, signal);
    const methods = 'PreferredAuthentications=password,keyboard-interactive';
    const args = ['-o', 'IdentityAgent=none', '-o', methods, '-o', 'NumberOfPasswordPrompts=1', '-o', 'BatchMode=no'];
    return { directory, env, args, drop };
  } catch (error) {
    await drop();
    throw error;
  }
}

async function startAgent(directory: string, freed: (() => Promise<unknown>)[], signal: AbortSignal): Promise<void> {
  const started = await startTied('ssh-agent', ['-D', '-a', agent], { cwd: directory });
  freed.push(async () => {
    started.process.kill('SIGKILL');
    await started.exited;
  });
  started.process.stdout.resume();
  for (const end = performance.now() + 10_000; ; await sleep(10, undefined, { signal })) {
    if ((await stat(join(directory, agent)).catch(() => undefined)) !== undefined) return;
    if (started.process.exitCode !== null || performance.now() > end) {
      throw new WherryError('internal', {}, new Error(`ssh-agent did not start: ${started.stderr()}`));
    }
  }
}

async function addKey(
  options: { directory: string; key: string; passphrase: string },
  freed: (() => Promise<unknown>)[],
  signal: AbortSignal,
): Promise<void> {
  const { directory, passphrase } = options;
  const env =
    passphrase === ''
      ? { SSH_ASKPASS: '/bin/false', SSH_ASKPASS_REQUIRE: 'force' }
      : await askpass(directory, passphrase, 'passphrase', freed, signal);
  const input = `${options.key.replaceAll('\r\n', '\n').trimEnd()}\n`;
  const added = await runTied(
    'ssh-add',
    ['-q', '-'],
    { cwd: directory, env: { ...env, SSH_AUTH_SOCK: agent }, input, timeoutMs: 30_000 },
    signal,
  );
  if (added.code === 0) return;
  const why =
    passphrase === ''
      ? 'ssh-add does not take it; it may need a passphrase'
      : 'ssh-add does not take it with this passphrase';
  throw new WherryError('provider.setting_wrong', { setting: 'private key', why }, new Error(added.stderr));
}

/** The environment that makes a program of OpenSSH ask our script, which answers once. */
async function askpass(
  directory: string,
  secret: string,
  name: string,
  freed: (() => Promise<unknown>)[],
  signal: AbortSignal,
): Promise<Record<string, string>> {
  if (/[\r\n\0]/.test(secret) || Buffer.byteLength(secret) > maxSecretBytes) {
    throw new WherryError('provider.setting_wrong', { setting: name, why: 'it has a line break, or is too long' });
  }
  const fifo = join(directory, name);
  const made = await runTied('mkfifo', ['-m', '600', fifo], { timeoutMs: 10_000 }, signal);
  if (made.code !== 0) throw new WherryError('internal', {}, new Error(`mkfifo: ${made.stderr}`));
  // Open for both, so that neither opening nor writing waits for the other side; the bytes stay in the kernel.
  const pipe: FileHandle = await open(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  freed.push(() => pipe.close());
  await pipe.write(`${secret}\n`);
  const script = join(directory, `ask-${name}`);
  // It removes the FIFO: a second question, after a wrong answer, ends the program, which would answer with nothing otherwise,
  // and that is a second try on the account.
  const lines = [
    '#!/bin/sh',
    `if ! [ -p '${fifo}' ]; then echo '${askedTwice}' >&2; kill -9 "$PPID"; exit 1; fi`,
    `IFS= read -r line <'${fifo}' || exit 1`,
    `rm -f '${fifo}'`,
    ...(name === 'password' ? [`echo '${passwordGiven}' >&2`] : []),
    `printf '%s\\n' "$line"`,
  ];
  await writeFile(script, `${lines.join('\n')}\n`, { mode: 0o700 });
  return { SSH_ASKPASS: script, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: 'none' };
}
