import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Libvirtd, startLibvirtd, whyNoLibvirtd } from '../../../test/peers/libvirtd.ts';
import { connectLibvirt, type LibvirtClient } from './client.ts';
import { parseLibvirtUri } from './uri.ts';
import { findXml, parseXml } from '../domain/xml.ts';

const signal = (): AbortSignal => AbortSignal.timeout(30_000);
const missing = whyNoLibvirtd();

describe('URIs', () => {
  test('name the sockets of the monolithic and of the modular daemon', () => {
    expect(parseLibvirtUri('qemu:///system', undefined)).toEqual({
      name: 'qemu:///system',
      session: false,
      sockets: ['/run/libvirt/libvirt-sock', '/run/libvirt/virtqemud-sock'],
    });
    expect(parseLibvirtUri('qemu:///session', '/run/user/7').sockets[0]).toBe('/run/user/7/libvirt/libvirt-sock');
    expect(parseLibvirtUri('test:///default?socket=/a/b', undefined)).toMatchObject({
      name: 'test:///default',
      sockets: ['/a/b'],
    });
  });
  test('that lead to another host or say more than we know are refused', () => {
    for (const uri of [
      'qemu+ssh://root@h/system',
      'qemu://h/system',
      'xen:///system',
      'qemu:///system?no_verify=1',
      '',
    ]) {
      expect(() => parseLibvirtUri(uri, '/run/user/7')).toThrow(
        expect.objectContaining({ code: 'libvirt.uri_unsupported' }),
      );
    }
  });
});

describe('without a daemon', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'wherry-rpc-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  test('no socket means that libvirt is not running', async () => {
    const work = connectLibvirt(`qemu:///system?socket=${directory}/none`, signal());
    await expect(work).rejects.toMatchObject({ code: 'libvirt.not_running', passing: true });
  });

  test('whoever answers with something else is not believed, and every waiting call ends', async () => {
    for (const answer of ['HTTP/1.1 400 Bad Request\r\n\r\n', '\0\0\0\x1c\x20\0\x80\x86', '']) {
      const path = join(directory, `hostile-${answer.length}`);
      const server = createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', () => socket.end(Buffer.from(answer, 'latin1')));
      });
      await new Promise<void>((resolve) => server.listen(path, resolve));
      try {
        await expect(connectLibvirt(`qemu:///system?socket=${path}`, signal())).rejects.toMatchObject({
          code: 'libvirt.connection_lost',
          passing: true,
        });
      } finally {
        server.close();
      }
    }
  });

  test('a daemon that never answers does not hold a canceled call', async () => {
    const path = join(directory, 'mute');
    const server = createServer((socket) => socket.on('error', () => {}).resume());
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const cancel = new AbortController();
    setTimeout(() => cancel.abort(new Error('enough')), 100);
    try {
      await expect(connectLibvirt(`qemu:///system?socket=${path}`, cancel.signal)).rejects.toThrow('enough');
    } finally {
      server.close();
    }
  });
});

describe.skipIf(missing !== null)(`against libvirtd${missing === null ? '' : ` (${missing})`}`, () => {
  let daemon: Libvirtd;
  let client: LibvirtClient;
  beforeAll(async () => {
    daemon = await startLibvirtd({ kind: 'private' });
    client = await connectLibvirt(daemon.uri, signal());
  });
  afterAll(async () => {
    client.disconnect();
    await daemon.stop();
  });

  test('host facts are what virsh says', async () => {
    expect(await client.host.hostname(signal())).toBe((await daemon.virsh('hostname')).trim());
    const version = await client.host.libraryVersion(signal());
    const text = `${Math.floor(version / 1e6)}.${Math.floor(version / 1e3) % 1e3}.${version % 1e3}`;
    expect(await daemon.virsh('version')).toContain(`Using library: libvirt ${text}`);
    expect((await client.host.capabilities(signal())).trim()).toBe((await daemon.virsh('capabilities')).trim());
    const wanted = { arch: 'x86_64', machine: 'q35', virtType: 'qemu' };
    const mine = parseXml(await client.host.domainCapabilities(wanted, signal()));
    expect(findXml(mine, 'path')?.text).toBe('/usr/bin/qemu-system-x86_64');
  });

  test('pools and volumes are what virsh says', async () => {
    const [pool] = await client.pools.list(signal());
    if (pool === undefined) throw new Error('no pool');
    expect(pool).toEqual(await client.pools.byName('default', signal()));
    expect(pool.uuid).toBe((await daemon.virsh('pool-uuid', 'default')).trim());
    const xml =
      "<volume><name>a b.qcow2</name><capacity unit='bytes'>1048576</capacity><target><format type='qcow2'/></target></volume>";
    const volume = await client.volumes.create(pool, xml, signal());
    try {
      expect(await daemon.virsh('vol-path', '--pool', 'default', 'a b.qcow2')).toContain(volume.key);
      expect(await client.volumes.path(volume, signal())).toBe(volume.key);
      expect(await client.volumes.info(volume, signal())).toMatchObject({ type: 0, capacityBytes: 1_048_576 });
      expect((await client.volumes.xml(volume, signal())).trim()).toBe(
        (await daemon.virsh('vol-dumpxml', volume.key)).trim(),
      );
      expect(await client.volumes.byPath(volume.key, signal())).toEqual(volume);
      expect(await client.volumes.list(pool, signal())).toEqual([volume]);
      await expect(client.volumes.create(pool, xml, signal())).rejects.toMatchObject({
        name: 'LibvirtError',
        code: 90,
      });
    } finally {
      await client.volumes.delete(volume, signal());
    }
    expect(await client.volumes.list(pool, signal())).toEqual([]);
  });

  test('what libvirt refuses comes with its own number and words', async () => {
    await expect(client.pools.byName('nope', signal())).rejects.toMatchObject({
      name: 'LibvirtError',
      code: 49,
      message: "Storage pool not found: no storage pool with matching name 'nope'",
    });
    await expect(client.domains.byName('nope', signal())).rejects.toMatchObject({ code: 42 });
    await expect(client.networks.byName('nope', signal())).rejects.toMatchObject({ code: 43 });
    await expect(client.domains.define('<domain', signal())).rejects.toMatchObject({ name: 'LibvirtError' });
    await expect(client.host.hostname(signal())).resolves.not.toBe('');
  });

  test('many calls in flight get each their own answer', async () => {
    const names = Array.from({ length: 200 }, (_, index) => `vm-${index}`);
    const answers = await Promise.all(
      names.map((name) => client.domains.byName(name, signal()).catch((error: Error) => error.message)),
    );
    for (const [index, answer] of answers.entries()) expect(answer).toContain(`'${names[index]}'`);
  });

  test('the test driver shows a domain that runs, with its state, XML and metadata', async () => {
    const other = await connectLibvirt(`test:///default?socket=${daemon.socketPath}`, signal());
    try {
      const [domain] = await other.domains.list(signal());
      if (domain === undefined) throw new Error('no domain');
      expect(domain).toMatchObject({ name: 'test', id: 1 });
      expect(await other.domains.byUuid(domain.uuid, signal())).toEqual(domain);
      expect((await other.domains.state(domain, signal())).state).toBe('running');
      expect(await other.domains.info(domain, signal())).toMatchObject({ cpus: 2, memoryKiB: 2_097_152 });
      await expect(other.domains.metadata(domain, 'urn:x', signal())).rejects.toMatchObject({ code: 80 });
      const metadata = { element: '<a b="&lt;"/>', key: 'x', namespace: 'urn:x' };
      await other.domains.setMetadata(domain, metadata, signal());
      expect(parseXml(await other.domains.metadata(domain, 'urn:x', signal())).attributes['b']).toBe('<');
      const [network] = await other.networks.list(signal());
      if (network === undefined) throw new Error('no network');
      expect(await other.networks.isActive(network, signal())).toBe(true);
      await other.domains.destroy(domain, signal());
      const off = await other.domains.byName('test', signal());
      expect((await other.domains.state(off, signal())).state).toBe('shut-off');
      await other.domains.create(off, signal());
      await other.domains.shutdown(await other.domains.byName('test', signal()), signal());
    } finally {
      other.disconnect();
    }
  });

  test('a daemon that is killed in the middle of a call is a passing error; a new connection works', async () => {
    const other = await connectLibvirt(daemon.uri, signal());
    const pid = await daemon.pid();
    process.kill(pid, 'SIGSTOP');
    const call = other.host.capabilities(signal());
    setTimeout(() => process.kill(pid, 'SIGKILL'), 100);
    await expect(call).rejects.toMatchObject({ code: 'libvirt.connection_lost', passing: true });
    expect(other.connected).toBe(false);
    await expect(other.host.hostname(signal())).rejects.toMatchObject({ code: 'libvirt.connection_lost' });
    await expect
      .poll(
        () =>
          connectLibvirt(daemon.uri, signal())
            .then((c) => (c.disconnect(), 'up'))
            .catch(() => 'down'),
        { timeout: 10_000 },
      )
      .toBe('up');
    client = await connectLibvirt(daemon.uri, signal());
  });
});
