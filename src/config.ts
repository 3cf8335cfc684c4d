/** The server's settings: command line before environment before default. Checked once, at start; printed without secrets. */
import { resolve } from 'node:path';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { defaultHome, defaultPort, type Environment } from './defaults.ts';
import { WherryError } from './model/errors.ts';
import { StringEnum } from './model/schema.ts';

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;

export const Config = Type.Object({
  home: Type.String({ minLength: 1, pattern: '^/' }),
  /** Null: the unix socket only. */
  listen: Type.Union([
    Type.Object({ host: Type.String({ minLength: 1 }), port: Type.Integer({ minimum: 0, maximum: 65_535 }) }),
    Type.Null(),
  ]),
  tls: Type.Union([Type.Object({ certFile: Type.String(), keyFile: Type.String() }), Type.Null()]),
  /** Null: the private cluster in `home`. */
  databaseUrl: Type.Union([Type.String({ pattern: '^postgres(ql)?://' }), Type.Null()]),
  leaseMs: Type.Integer({ minimum: 200, maximum: 3_600_000 }),
  logLevel: StringEnum(logLevels),
  /** Whether to run a worker beside the server. */
  worker: Type.Boolean(),
});
export type Config = Type.Static<typeof Config>;

/** Text from the command line, by setting; what is left out comes from the environment. */
export type ConfigFlags = Partial<
  Readonly<Record<'home' | 'listen' | 'tlsCert' | 'tlsKey' | 'databaseUrl' | 'leaseMs' | 'logLevel', string>>
> & { readonly worker?: boolean };

/** @throws server.config */
export function readConfig(flags: ConfigFlags = {}, environment: Environment = process.env): Config {
  const pick = (flag: keyof ConfigFlags, name: string): string | undefined => {
    const value = flags[flag];
    return typeof value === 'string' ? value : environment[name] || undefined;
  };
  const tlsCert = pick('tlsCert', 'WHERRY_TLS_CERT');
  const tlsKey = pick('tlsKey', 'WHERRY_TLS_KEY');
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new WherryError('server.config', { name: 'tls', problem: 'a certificate and its key belong together' });
  }
  const config = {
    home: resolve(pick('home', 'WHERRY_HOME') ?? defaultHome(environment)),
    listen: parseListen(pick('listen', 'WHERRY_LISTEN') ?? `127.0.0.1:${defaultPort}`),
    tls: tlsCert === undefined || tlsKey === undefined ? null : { certFile: tlsCert, keyFile: tlsKey },
    databaseUrl: pick('databaseUrl', 'WHERRY_DATABASE_URL') ?? null,
    leaseMs: Number(pick('leaseMs', 'WHERRY_LEASE_MS') ?? 60_000),
    logLevel: pick('logLevel', 'WHERRY_LOG_LEVEL') ?? 'info',
    worker: flags.worker ?? true,
  };
  return checked(config);
}

/** As it may be shown: the database's URL without its password. */
export function shownConfig(config: Config): Config {
  if (config.databaseUrl === null || !URL.canParse(config.databaseUrl)) return { ...config, databaseUrl: null };
  const url = new URL(config.databaseUrl);
  if (url.password !== '') url.password = '***';
  if (url.searchParams.has('password')) url.searchParams.set('password', '***');
  return { ...config, databaseUrl: url.toString() };
}

/** Plain HTTP carries passwords and tokens in the clear: only inside this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

const names: Readonly<Record<string, string>> = {
  home: 'WHERRY_HOME',
  listen: 'WHERRY_LISTEN',
  databaseUrl: 'WHERRY_DATABASE_URL',
  leaseMs: 'WHERRY_LEASE_MS',
  logLevel: 'WHERRY_LOG_LEVEL',
};

function checked(value: unknown): Config {
  const validator = Compile(Config);
  if (validator.Check(value)) return value;
  const [first] = validator.Errors(value);
  const field = first?.instancePath.split('/')[1] ?? '';
  throw new WherryError('server.config', { name: names[field] ?? field, problem: first?.message ?? 'not valid' });
}

function parseListen(text: string): { host: string; port: number } | null {
  if (text === 'none') return null;
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text);
  if (match === null) {
    throw new WherryError('server.config', {
      name: 'WHERRY_LISTEN',
      problem: `${text} is not ADDRESS:PORT, PORT or none`,
    });
  }
  return { host: match[1] ?? match[2] ?? '127.0.0.1', port: Number(match[3]) };
}
