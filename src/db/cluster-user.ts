/**
 * As whom PostgreSQL runs: it refuses root. Where Wherry runs as a user, as that user. As root, as the user `postgres`
 * if that one can pass to the data; otherwise in a user namespace in which root has another name (research, b).
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { WherryError } from '../model/errors.ts';

export type ClusterUser = {
  /** Owner of the files, as seen outside. */
  readonly uid: number;
  readonly gid: number;
  /** The command in front of every PostgreSQL program. */
  readonly prefix: readonly string[];
  /** Names of operating system users, as PostgreSQL sees them, that may connect. */
  readonly clients: readonly string[];
};

/** @param owner the uid that owns an existing cluster, which then decides; undefined for a new one */
export function clusterUser(directory: string, binaries: string, owner: number | undefined): ClusterUser {
  const uid = process.getuid?.() ?? -1;
  const gid = process.getgid?.() ?? -1;
  if (uid !== 0) return { uid, gid, prefix: [], clients: [userInfo().username] };
  const users = readUsers();
  const postgres = users.find((user) => user.name === 'postgres');
  if (postgres !== undefined && owner !== 0 && [directory, binaries].every((path) => canPass(path, postgres))) {
    const { uid: newUid, gid: newGid } = postgres;
    const prefix = ['setpriv', `--reuid=${newUid}`, `--regid=${newGid}`, '--clear-groups', '--'];
    return { uid: newUid, gid: newGid, prefix, clients: ['root', 'postgres'] };
  }
  // Not `nobody`: every user unknown to the namespace looks like that one.
  const other = postgres ?? users.find((user) => user.uid !== 0 && user.uid < 60_000);
  if (other !== undefined && (owner === undefined || owner === 0)) {
    const prefix = ['unshare', '--user', `--map-user=${other.uid}`, `--map-group=${other.gid}`, '--'];
    try {
      execFileSync('unshare', [...prefix.slice(1), 'true'], { stdio: 'ignore', timeout: 10_000 });
      return { uid: 0, gid: 0, prefix, clients: [other.name] };
    } catch {
      // namespaces are switched off here
    }
  }
  throw new WherryError('server.postgres_root', { directory });
}

type User = { readonly name: string; readonly uid: number; readonly gid: number };

function readUsers(): User[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .flatMap(([name, , uid, gid]) =>
      name === undefined || gid === undefined ? [] : [{ name, uid: Number(uid), gid: Number(gid) }],
    );
}

/** Whether a user that is in no other group may enter the nearest existing directory and all above it. */
function canPass(path: string, user: User): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  const mayEnter =
    stat === undefined ||
    (stat.uid === user.uid
      ? (stat.mode & 0o100) !== 0
      : stat.gid === user.gid
        ? (stat.mode & 0o010) !== 0
        : (stat.mode & 0o001) !== 0);
  return mayEnter && (dirname(path) === path || canPass(dirname(path), user));
}
