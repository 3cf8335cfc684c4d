import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProviderView } from '../../src/inventory/api.ts';
import { startLibvirtHost, whyNoLibvirtHost } from '../peers/libvirt-host.ts';
import { type Finding, findIn, findInDatabase, findInFiles, watchProcesses } from './canaries.ts';
import { startLockedStore, startSignedStore } from './locked-store.ts';
import { throughSignedStore } from './signed-store.ts';
import { type LockedVsphere, startLockedVsphere } from './locked-vsphere.ts';
import { type Product, startProduct, wherry } from './product.ts';
import type { Report, Scenario } from './scenario.ts';

export const inventorySecrets: Scenario = {
  name: 'inventory-secrets',
  proves:
    'no secret of a provider is in a process, a file, an answer or the database, while providers are used all along',
  unavailable: async () => whyNoLibvirtHost(),
  run: async (report) => {
    await using host = await disposable(startLibvirtHost());
    await using product = await startProduct();
    const said: string[] = [];
    const passwords = {
      first: newCanary('first'),
      second: newCanary('second'),
      store: newCanary('store'),
      web: newCanary('web'),
      wrong: newCanary('wrong'),
      once: newCanary('once'),
      vsphere: newCanary('vsphere'),
      vsphereWrong: newCanary('vsphere-wrong'),
      vsphereNext: newCanary('vsphere-next'),
    };
    const signatures = { list: newCanary('list'), file: newCanary('file'), password: newCanary('in-link') };
    await using vsphere = await disposable(startLockedVsphere(passwords.vsphere));
    await using signed = await disposable(startSignedStore(signatures));
    await using locked = await disposable(startLockedStore('reader', passwords.web));
    const keyLine = host.it.privateKey.split('\n')[2] ?? '';
    const passphrase = newCanary('passphrase');
    const secrets = [...Object.values(passwords), ...Object.values(signatures), passphrase, keyLine];
    const planted = newCanary('planted');
    const watching = new AbortController();
    // Sessions are secrets too: each that vSphere gives out is looked for from then on.
    const looked = [...secrets, planted];
    vsphere.it.onSession((cookie) => {
      secrets.push(cookie);
      looked.push(cookie);
    });
    const processes = watchProcesses(looked, watching.signal);
    try {
      const cli = async (args: readonly string[], input = ''): Promise<string> => {
        const text = await runCli(product, args, input);
        said.push(text);
        return text;
      };
      const nowhere = 'https://127.0.0.1:9';
      await untilWorker(product);
      await cli(
        [
          'provider',
          'add',
          'vc',
          nowhere,
          '--type',
          'vsphere',
          '--username',
          'reader',
          '--password-stdin',
          '--no-check',
        ],
        passwords.first,
      );
      const passphraseFile = join(product.scratch, 'passphrase');
      await writeFile(passphraseFile, passphrase, { mode: 0o600 });
      const ssh = [
        'provider',
        'add',
        'host',
        host.it.sshUri,
        '--secret',
        'privateKey=-',
        '--secret',
        `passphrase=${passphraseFile}`,
      ];
      const added = await cli([...ssh, '--trust-fingerprint', host.it.hostKey], host.it.privateKey);
      await cli(
        ['provider', 'add', 'store', '/nowhere', '--username', 'reader', '--password-stdin', '--no-check'],
        passwords.store,
      );
      const web = [
        'provider',
        'add',
        'web',
        locked.it.url,
        '--type',
        'ova',
        '--username',
        'reader',
        '--password-stdin',
      ];
      await cli(web, passwords.web);
      const isRead = await until(60_000, async () => (await view(product, 'web'))?.counts.vm === 1);
      report.check('an OVA on a web server is seen with the password', isRead);
      const follows = await until(60_000, async () => (await view(product, 'host'))?.state === 'following');
      report.check('a host is followed over ssh with its key', follows, added);
      await throughVsphere(report, product, vsphere.it, passwords, { cli, said });
      await throughSignedStore(report, product, { store: signed.it, signatures, cli, said });
      await cli(['provider', 'edit', 'vc', '--password-stdin'], passwords.second);
      await cli(['provider', 'check', 'vc']);
      await cli(
        ['provider', 'check', '--address', nowhere, '--type', 'vsphere', '--username', 'r', '--password-stdin'],
        passwords.once,
      );
      await browse(product, said, nowhere, passwords.once);
      report.check(
        'the key is changed while all of them are in use',
        /new key; [78] secrets/.test(await cli(['secrets', 'rotate'])),
      );
      await cli(['provider', 'refresh', 'host']);
      const again = await until(60_000, async () => (await view(product, 'host'))?.state === 'following');
      report.check('after that the host is followed again: its key was opened with the new one', again);
      await cli(['provider', 'edit', 'web', '--password-stdin'], passwords.wrong);
      const stopped = await until(60_000, async () => (await view(product, 'web'))?.state === 'stopped');
      await sleep(3_000); // a second try would come within this
      const tries = locked.it.tries.get(passwords.wrong);
      report.check('a wrong password is tried once, and then somebody is asked', stopped && tries === 1, String(tries));
      for (const path of ['/providers', '/events', '/workers']) said.push(await product.client.text(path));
      await cli(['provider', 'list', '--json']);
      await cli(['provider', 'show', 'vc']);
      await control(product, planted);
      said.push(await product.client.text('/providers'));
      await sleep(500);
    } finally {
      watching.abort();
    }
    await judge(report, product, { secrets, planted, said, processes: await processes });
  },
};

function newCanary(name: string): string {
  return `kanarie-${name}-${randomBytes(9).toString('hex')}`;
}

type Said = {
  readonly cli: (args: readonly string[], input?: string) => Promise<string>;
  /** Answers of the API. */
  readonly said: string[];
};

/** A vCenter: followed, its session ended, its password changed behind our back, and a wrong one given. */
async function throughVsphere(
  report: Report,
  product: Product,
  vsphere: LockedVsphere,
  passwords: { readonly vsphere: string; readonly vsphereWrong: string; readonly vsphereNext: string },
  { cli, said }: Said,
): Promise<void> {
  const vcenter = () => view(product, 'vcenter');
  const reaches = (state: ProviderView['state']): Promise<boolean> =>
    until(60_000, async () => (await vcenter())?.state === state);
  const add = ['provider', 'add', 'vcenter', vsphere.url, '--type', 'vsphere', '--username', vsphere.username];
  const added = await cli([...add, '--trust-fingerprint', vsphere.fingerprint, '--password-stdin'], passwords.vsphere);
  report.check('a vCenter is followed with its password', await reaches('following'), added);
  const before = (await vcenter())?.syncedAt;
  vsphere.endSessions();
  const anew = await until(60_000, async () => {
    const now = await vcenter();
    return now?.state === 'following' && now.syncedAt !== before;
  });
  report.check('its session was ended: another one is begun', anew);

  // The password is another one since: what is kept is tried once, by whoever comes to it, and then somebody is asked.
  vsphere.setPassword(passwords.vsphereNext);
  const tries = vsphere.tries();
  vsphere.endSessions();
  const refused = await reaches('stopped');
  await sleep(3_000); // a second try would come within this
  report.check(
    'a sign-in that fails is tried once, and then somebody is asked',
    refused && vsphere.tries() === tries + 1,
    `${vsphere.tries() - tries} tries`,
  );
  await cli(['provider', 'edit', 'vcenter', '--password-stdin'], passwords.vsphereWrong);
  const again = await until(60_000, async () => vsphere.tries() > tries + 1 && (await vcenter())?.state === 'stopped');
  await sleep(3_000);
  report.check(
    'so is a wrong password',
    again && vsphere.tries() === tries + 2,
    `${vsphere.tries() - tries - 1} tries`,
  );
  const stopped = await product.client.text('/providers');
  said.push(stopped, await cli(['provider', 'show', 'vcenter']));
  report.check('the reason is shown', stopped.includes('provider.sign_in_refused'));
  await cli(['provider', 'check', 'vcenter']);
  await cli(['provider', 'edit', 'vcenter', '--password-stdin'], passwords.vsphereNext);
  report.check('with the right one it is followed again', await reaches('following'));
  report.check('(control) sessions of vSphere were among what is looked for', vsphere.sessions() >= 3);
}

type Seen = {
  readonly secrets: readonly string[];
  readonly planted: string;
  readonly said: readonly string[];
  readonly processes: Awaited<ReturnType<typeof watchProcesses>>;
};

async function judge(report: Report, product: Product, { secrets, planted, said, processes }: Seen): Promise<void> {
  const all = [...secrets, planted];
  report.figure('looks at the process table', processes.looks);
  report.check('processes that watch providers were seen', processes.watchers >= 2, String(processes.watchers));
  clean(report, 'arguments and environments of processes', processes.found, planted);
  const answers = said.flatMap((text, at) => findIn(text, `answer ${at}`, all));
  clean(report, 'answers of the API and words of the command', answers, planted);
  const { found, rows } = await findInDatabase(product.home, all);
  report.figure('rows of the database', rows);
  clean(report, 'rows of the database', found, planted);
  // The files that the user made himself stand beside the home, not in it.
  await product.stopServer();
  const log = (await findInFiles(product.scratch, all)).filter(
    ({ where }) => where !== join(product.scratch, 'passphrase'),
  );
  clean(report, 'files of the home, with logs and the files of the database', log, planted);
}

/** Nothing of the secrets, and (the control) what was planted for everybody to see. */
function clean(report: Report, where: string, found: readonly Finding[], planted: string): void {
  const leaks = found.filter(({ canary }) => canary !== planted);
  report.check(
    `${where}: no secret`,
    leaks.length === 0,
    leaks.map((leak) => `${leak.canary.slice(0, 20)} in ${leak.where}`).join('; '),
  );
  report.check(
    `${where}: (control) what was planted there is found`,
    found.some(({ canary }) => canary === planted),
  );
}

/** In an argument and an environment, in a name (database, answers) and in a file. */
async function control(product: Product, planted: string): Promise<void> {
  const sleeper = spawn('sleep', ['2'], { env: { PLANTED: planted }, stdio: 'ignore' });
  const slept = new Promise((resolve) => sleeper.once('close', resolve));
  await runCli(product, ['provider', 'add', planted, '/nowhere', '--no-check'], '');
  await writeFile(join(product.home, 'planted'), planted);
  await slept;
}

/** A source that is not saved: given once. What is wrong with it is said by an error. */
async function browse(product: Product, said: string[], url: string, password: string): Promise<void> {
  const account = { type: 'vsphere', url, username: 'once', trust: { kind: 'system' } };
  const error: unknown = await product.client
    .post('/providers/browse', { account, secrets: { password } })
    .catch((thrown: unknown) => thrown);
  said.push(
    error instanceof Error
      ? `${error.stack ?? ''} ${JSON.stringify(error)} ${String(error.cause)}`
      : JSON.stringify(error),
  );
}

async function view(product: Product, name: string): Promise<ProviderView | undefined> {
  const { items } = await product.client.get<{ items: ProviderView[] }>('/providers');
  return items.find((provider) => provider.name === name);
}

async function untilWorker(product: Product): Promise<void> {
  await until(60_000, async () => (await product.client.text('/workers')).includes('"alive":true'));
}

async function until(ms: number, holds: () => Promise<boolean>): Promise<boolean> {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(100)) if (await holds()) return true;
  return false;
}

async function disposable<T extends { stop(): Promise<void> }>(
  starting: Promise<T>,
): Promise<AsyncDisposable & { it: T }> {
  const it = await starting;
  return { it, [Symbol.asyncDispose]: () => it.stop() };
}

async function runCli(product: Product, args: readonly string[], input: string): Promise<string> {
  const child = spawn(wherry, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, WHERRY_HOME: product.home },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (part: Buffer) => (text += part.toString('utf8')));
  child.stdin.end(input);
  await new Promise((resolve) => child.once('close', resolve));
  return text;
}
