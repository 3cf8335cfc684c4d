/**
 * A file on a mount that can be lost: QEMU's storage daemon shows an image as a file by FUSE. Killed, it leaves what the
 * server of an NFS mount leaves: a mount on which everything fails until somebody mounts it again.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, stat, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { runChild } from '../../src/process/child.ts';

export type FuseFile = AsyncDisposable & {
  readonly path: string;
  /** Kills the daemon: ENOTCONN from now on. */
  lose(): Promise<void>;
  comeBack(): Promise<void>;
};

/** Why there can be none on this machine; null when there can. */
export async function noFuse(): Promise<string | null> {
  if (process.getuid?.() !== 0) return 'mounting needs root';
  for (const path of ['/dev/fuse', '/usr/bin/qemu-storage-daemon', '/usr/bin/fusermount3']) {
    const there = await access(path, constants.R_OK).then(
      () => true,
      () => false,
    );
    if (!there) return `there is no ${path}`;
  }
  return null;
}

/** @param image a raw image; @param path where it is shown */
export async function fuseFile(image: string, path: string): Promise<FuseFile> {
  const { size } = await stat(image);
  await writeFile(path, '');
  let daemon: ChildProcess | undefined;
  const lose = async (): Promise<void> => {
    if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
    daemon.kill('SIGKILL');
    await once(daemon, 'exit');
  };
  const unmount = (): Promise<unknown> => runChild('umount', ['-l', path]).catch(() => undefined);
  const comeBack = async (): Promise<void> => {
    await unmount();
    const node = `driver=raw,node-name=image,read-only=on,file.driver=file,file.filename=${image}`;
    const shown = `type=fuse,id=shown,node-name=image,mountpoint=${path},allow-other=off`;
    daemon = spawn('qemu-storage-daemon', ['--blockdev', node, '--export', shown], { stdio: 'ignore' });
    while ((await stat(path)).size !== size) {
      if (daemon.exitCode !== null) throw new Error(`qemu-storage-daemon ended with ${daemon.exitCode}`);
      await sleep(10);
    }
  };
  await comeBack();
  return {
    path,
    lose,
    comeBack,
    [Symbol.asyncDispose]: async () => {
      await lose();
      await unmount();
    },
  };
}
