import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildDemoOva } from '../peers/guest/appliance.ts';
import { bootUntil } from '../peers/guest/boot.ts';
import { ordinaryUser } from './ordinary-user.ts';
import { processesOf, wherry } from './product.ts';
import type { Scenario } from './scenario.ts';

export const asAUser: Scenario = {
  name: 'as-a-user',
  proves:
    'somebody who is not root converts a guest to files, also when server and worker are killed meanwhile, and leaves nothing running; libvirt that is not there is a clear error',
  run: async (report) => {
    await using user = await ordinaryUser();
    const dir = join(user.home, 'ova');
    const out = join(user.home, 'out');
    for (const path of [dir, out]) await mkdir(path);
    const appliance = await buildDemoOva({ dir, token: `user-${process.pid}` });
    await user.own(user.home);
    const home = join(user.home, 'a', 'home', 'deeper than', 'the path', 'of a socket', 'may be', 'wherry');
    const tell = async (...words: string[]): Promise<{ code: number | null; output: string }> =>
      user.run([wherry, ...words], { WHERRY_HOME: home });

    const nowhere = join(user.home, 'no-socket');
    const refused = await tell(
      'import',
      appliance.path,
      '--to',
      'libvirt',
      '--uri',
      `qemu:///session?socket=${nowhere}`,
    );
    report.check('libvirt that is not there ends with an error', refused.code !== 0, String(refused.code));
    report.check('which says what to do', refused.output.includes('→'), refused.output.slice(-600));

    const server = [wherry, 'server', '--listen', 'none', '--home', home];
    user.start(server);
    await answers(tell);
    let early: string | null = null;
    const importing = tell('import', appliance.path, '--to', 'files', '--dir', out, '--name', 'mine').then(
      ({ output }) => (early = output),
    );
    for (const end = Date.now() + 240_000; ; await sleep(200)) {
      if ((await processesOf(user.home)).some(({ command }) => isConverting(command))) break;
      if (early !== null || Date.now() > end) throw new Error(`the appliance never started: ${early ?? 'it goes on'}`);
    }
    const ours = (await processesOf(user.home)).filter(({ command }) => / (server|worker) --/.test(command));
    report.check('(control) a server and a worker run', ours.length === 2, String(ours.length));
    for (const { pid } of ours) process.kill(pid, 'SIGKILL');
    await sleep(3_000);
    const tools = /qemu|virt-v2v|nbd|step-child/;
    const left = (await processesOf(user.home)).filter(({ command }) => tools.test(command));
    report.check(
      'killed with KILL, they take everything along',
      left.length === 0,
      left.map((p) => p.command).join('; '),
    );

    user.start(server);
    await answers(tell);
    await importing;
    for (const end = Date.now() + 300_000; ; await sleep(500)) {
      const { output } = await tell('migrations');
      if (/\bsucceeded\b/.test(output)) break;
      if (Date.now() > end) throw new Error(`it did not succeed: ${output}`);
    }
    const path = join(out, 'mine-disk0.qcow2');
    await access(path);
    const line = await bootUntil(appliance.marker, { path, format: 'qcow2', bus: 'virtio', timeoutMs: 120_000 });
    report.check('the converted guest boots from virtio', line !== null && line.includes('vda'), line ?? 'no marker');
  },
};

function isConverting(command: string): boolean {
  return command.includes('qemu-system-x86_64') && command.includes('guestfs');
}

/** One that is started for itself, not by an import for as long as that takes: it answers before anything is imported. */
async function answers(tell: (...words: string[]) => Promise<{ code: number | null; output: string }>): Promise<void> {
  for (const end = Date.now() + 60_000; ; await sleep(500)) {
    const { code, output } = await tell('migrations');
    if (code === 0) return;
    if (Date.now() > end) throw new Error(`the server does not answer: ${output}`);
  }
}
