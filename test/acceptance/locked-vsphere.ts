/** A vCenter (our simulator) whose password, sessions and attempts to sign in a scenario holds in its hand. */
import { smallInventory } from '../simulators/vsphere/inventory/small.ts';
import { startVsphere } from '../simulators/vsphere/simulator.ts';

export type LockedVsphere = {
  readonly url: string;
  readonly username: string;
  /** Of its certificate, as `--trust-fingerprint` takes it. */
  readonly fingerprint: string;
  setPassword(password: string): void;
  /** How often anybody tried to sign in. */
  tries(): number;
  /** How many sessions it has given out. */
  sessions(): number;
  /** As an administrator ends them. */
  endSessions(): void;
  /** Called with the cookie of each session as it begins. */
  onSession(seen: (cookie: string) => void): void;
  stop(): Promise<void>;
};

export async function startLockedVsphere(password: string): Promise<LockedVsphere> {
  const simulator = await startVsphere();
  const { world, url } = simulator;
  smallInventory(world, 20);
  const username = 'reader@vsphere.local';
  const account = world.accounts.add(username, password);
  return {
    url,
    username,
    fingerprint: simulator.certificate.sha256,
    setPassword: (next) => {
      account.password = next;
    },
    tries: () => account.attempts,
    sessions: () => world.sessions.opened,
    endSessions: () => world.sessions.endAll(),
    onSession: (seen) => {
      const open = world.sessions.open.bind(world.sessions);
      world.sessions.open = (...of) => {
        const session = open(...of);
        seen(session.cookie);
        return session;
      };
    },
    stop: async () => simulator[Symbol.asyncDispose](),
  };
}
