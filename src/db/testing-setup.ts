/** What vitest starts before all tests: who asks here gets the one PostgreSQL cluster, which the first to ask starts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestCluster, type TestCluster } from './testing-cluster.ts';

/** The environment variable with the path of the socket that answers with a SharedCluster, or an error, as JSON. */
export const clusterSocket = 'WHERRY_TEST_CLUSTER';

export type SharedCluster = Pick<TestCluster, 'connection' | 'directory'>;

export default function setup(): () => Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'wherry-test-ask-'));
  const path = join(directory, 'socket');
  let cluster: Promise<TestCluster> | undefined;
  const server = createServer((socket) => {
    socket.on('error', () => undefined); // who asked is gone
    cluster ??= startTestCluster();
    cluster.then(
      (started) => socket.end(JSON.stringify({ connection: started.connection, directory: started.directory })),
      (error: unknown) => socket.end(JSON.stringify({ error: String(error) })),
    );
  });
  server.listen(path);
  process.env[clusterSocket] = path;
  return async () => {
    server.close();
    await cluster?.then((started) => started.stop());
    rmSync(directory, { recursive: true, force: true });
  };
}
