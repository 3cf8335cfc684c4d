/**
 * A libvirt daemon for tests, which the machine's own never notices: its own mount, network and pid namespace with private
 * /run/libvirt, /etc/libvirt, /var/{lib,cache,log}/libvirt. It dies with the test's process, together with every guest,
 * and takes mounts and sockets along. The pool's directory is at the same path inside and outside.
 *
 * `private`: quick and plain (guests run as root, no security driver, no cgroups).
 * `debian`: the distribution's own qemu.conf and libvirtd.conf, untouched: dynamic ownership, virtlogd, user libvirt-qemu.
 * Both need root; `whyNoLibvirtd` says what is missing.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runChild } from '../../src/process/child.ts';
import { hideBrokenKvm } from './no-kvm.ts';

export type Libvirtd = {
  /** With `?socket=`: for Wherry and for virsh alike. */
  readonly uri: string;
  readonly socketPath: string;
  /** Active pools and where they are. */
  readonly pools: Readonly<Record<string, string>>;
  /** Where the guests' logs are, seen from outside (inside it is /var/log/libvirt/qemu). */
  readonly logDirectory: string;
  /** Its private directory: etc, run, lib, log, cache, images. */
  readonly directory: string;
  /** The process that holds its namespaces, seen from here. */
  readonly rootPid: number;
  /** The daemon's own process id, seen from here. Whoever kills it sees it started again, as by systemd. */
  pid(): Promise<number>;
  virsh(...args: string[]): Promise<string>;
  stop(): Promise<void>;
};

/** Why no daemon can be started here, or null. Tests skip by this name. */
export function whyNoLibvirtd(): string | null {
  if (process.getuid?.() !== 0) return 'a private libvirtd needs root';
  for (const program of ['/usr/sbin/libvirtd', '/usr/sbin/virtlogd', '/usr/bin/virsh', '/usr/bin/qemu-system-x86_64']) {
    if (!existsSync(program)) return `${program} is not installed`;
  }
  return null;
}

const plainQemuConf = `security_driver = "none"
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
namespaces = []
cgroup_controllers = []
`;
const plainLibvirtdConf = `auth_unix_rw = "none"
auth_unix_ro = "none"
unix_sock_group = "root"
`;

export type LibvirtdOptions = {
  readonly kind: 'private' | 'debian';
  /** What starts it, in another mount namespace for example; it must become what it starts (exec). */
  readonly launcher?: readonly string[];
  /** Added to libvirtd.conf, and whether it listens on TCP and TLS: test/peers/libvirt-host.ts. */
  readonly conf?: string;
  readonly listen?: boolean;
  /** Shell lines that run in its namespaces before the daemon does; $BASE is its directory. */
  readonly before?: string;
  /** Called with its directory before anything starts, to put files there. */
  readonly prepare?: (directory: string) => Promise<void>;
  /** Called once the namespaces are there: what `before` waits for, for example a network. */
  readonly connect?: (pid: number) => Promise<void>;
};

export async function startLibvirtd(options: LibvirtdOptions): Promise<Libvirtd> {
  const base = await mkdtemp(join(tmpdir(), 'wherry-libvirtd-'));
  // Guests of Debian's configuration run as libvirt-qemu and must be able to walk to their disks.
  await chmod(base, 0o755);
  for (const name of ['etc', 'run', 'lib', 'log', 'cache', 'images']) await mkdir(join(base, name));
  await mkdir(join(base, 'log/qemu'));
  await cp('/etc/libvirt', join(base, 'etc'), { recursive: true });
  // The machine's own guests, pools and networks are none of its business.
  for (const name of ['qemu', 'storage']) await rm(join(base, 'etc', name), { recursive: true, force: true });
  if (options.kind === 'private') {
    await writeFile(join(base, 'etc/qemu.conf'), plainQemuConf);
    await writeFile(join(base, 'etc/libvirtd.conf'), `${plainLibvirtdConf}${options.conf ?? ''}`);
  }
  await options.prepare?.(base);
  const script = `
    set -e
    ip link set lo up
    # What libvirt makes for its guests below these would outlive it.
    umount -R /sys/fs/cgroup 2>/dev/null || true
    for pair in run:/run/libvirt etc:/etc/libvirt lib:/var/lib/libvirt log:/var/log/libvirt cache:/var/cache/libvirt; do
      mount --bind "$BASE/\${pair%%:*}" "\${pair#*:}"
    done
    ${await hideBrokenKvm()}
    ${options.before ?? ''}
    /usr/sbin/virtlogd -p /run/libvirt/virtlogd.pid >"$BASE/virtlogd.txt" 2>&1 &
    while :; do
      /usr/sbin/libvirtd ${options.listen === true ? '--listen' : ''} -p /run/libvirt/libvirtd.pid >"$BASE/libvirtd.txt" 2>&1 || true
      sleep 0.3
    done`;
  // Mount points must be there before the namespace is private; an empty /run/libvirt hurts nobody.
  for (const path of ['/run/libvirt', '/var/lib/libvirt', '/var/log/libvirt', '/var/cache/libvirt']) {
    await mkdir(path, { recursive: true });
  }
  // Their own network, too: two daemons on one would give their guests the same VNC ports.
  const spaces = ['--mount', '--propagation', 'private', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const launcher = options.launcher ?? [];
  const command = ['--pdeathsig', 'KILL', '--', ...launcher, 'unshare', ...spaces, 'bash', '-c', script];
  const child = spawn('setpriv', command, {
    stdio: 'ignore',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', HOME: '/root', BASE: base },
  });
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const socketPath = join(base, 'run/libvirt-sock');
  const uri = `qemu:///system?socket=${socketPath}`;
  const virsh = (...args: string[]): Promise<string> =>
    runChild('virsh', ['-q', '-c', uri, ...args], { timeoutMs: 60_000 });

  const stop = async (): Promise<void> => {
    // Killing the tree would leave the guests' cgroups behind, so libvirt is asked to end them first.
    const names = await virsh('list', '--name').catch(() => '');
    for (const name of names.split('\n').filter((line) => line !== '')) await virsh('destroy', name).catch(() => '');
    child.kill('SIGKILL');
    await gone;
    await rm(base, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  try {
    await options.connect?.(
      await namespacePid(child.pid ?? -1, () => child.exitCode !== null || child.signalCode !== null),
    );
    await untilReady(virsh, () => child.exitCode !== null || child.signalCode !== null);
    await virsh('pool-define-as', 'default', 'dir', '--target', join(base, 'images'));
    await virsh('pool-start', 'default');
  } catch (error) {
    const said = await readFile(join(base, 'libvirtd.txt'), 'utf8').catch(() => '');
    await stop();
    throw new Error(`libvirtd did not start: ${said}`, { cause: error });
  }
  return {
    uri,
    socketPath,
    pools: { default: join(base, 'images') },
    logDirectory: join(base, 'log/qemu'),
    directory: base,
    rootPid: child.pid ?? -1,
    pid: () => daemonPid(child.pid ?? -1),
    virsh,
    stop,
  };
}

async function untilReady(virsh: (...args: string[]) => Promise<string>, dead: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; ; ) {
    try {
      await virsh('hostname');
      return;
    } catch (error) {
      if (dead() || Date.now() > end) throw error;
      await sleep(50);
    }
  }
}

/** The first process inside: the shell, which is pid 1 there. */
async function namespacePid(root: number, dead: () => boolean): Promise<number> {
  for (const end = Date.now() + 20_000; ; await sleep(20)) {
    for (const pid of await descendants(root)) {
      if ((await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim() === 'bash') return pid;
    }
    if (dead() || Date.now() > end) throw new Error('the namespaces of libvirtd did not come');
  }
}

/** The pid file inside holds the namespace's number, so the process is looked for among the descendants. */
async function daemonPid(root: number): Promise<number> {
  for (const pid of await descendants(root)) {
    if ((await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim() === 'libvirtd') return pid;
  }
  throw new Error('libvirtd is not running');
}

async function descendants(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const children = text.trim().split(' ').filter(Boolean).map(Number);
  const deeper = await Promise.all(children.map(descendants));
  return [...children, ...deeper.flat()];
}
