/**
 * Who may import whom (DESIGN.md 7), as overrides of one lint rule. Each area lists what it may know outside itself;
 * everything else above it is refused, so that a new folder is known by nobody until it is let in here.
 * `test/arrows.test.ts` breaks every arrow once and sees it refused.
 */
import type { OxlintOverride } from 'oxlint';

type Area = {
  /** Globs of its files. Of several areas that hold a file, the last counts. */
  readonly files: readonly string[];
  /** How many folders its files lie below the one that it may not leave without being let out. */
  readonly depth: number;
  /** What it may know, seen from the folder above its own. */
  readonly knows: readonly string[];
  /** Of these it may know the types only: a regular expression over the path that is imported. */
  readonly typesOnly?: string;
  readonly why: string;
};

/** Tests reach for whatever they test with. */
const tests = ['**/*.test.ts', '**/testing/**', '**/testing.ts', '**/test-*.ts', '**/crash-disk.ts'];

const base = ['model/**', 'process/**'];
const beside = ['config.ts', 'defaults.ts', 'home.ts', 'version.ts'];

const model = 'model knows nobody';
const transfer = 'transfer knows model and process';
const provider =
  'a provider knows model, process, transfer/disk.ts, provider.ts and what providers share (local, domain, net), no other provider';
const providerKnows = ['../model/**', '../process/**', '../transfer/disk.ts', 'local/**', 'domain/**', 'net/**'];
const migration = 'migration knows model, process, transfer, conversion, and providers through provider.ts only';
const migrationKnows = [...base, 'transfer/**', 'conversion/**', 'providers/provider.ts'];
const inventory = 'inventory knows model, concerns and the schemas of the protocol';
const inventoryKnows = [...base, 'concerns/**', 'migration/protocol.ts'];
const concerns = 'concerns know model and the language of search';
/** What wakes workers and tells the console is the same for migrations and inventory. */
const inventoryStoreKnows = [...inventoryKnows, 'migration/news-store.ts', 'db/**'];
const store = 'only *-store.ts files touch the database; others may hand its handle on (import type)';
const http = 'http knows model, db, migration and the files beside main.ts: no other edge, no hypervisor, no disk';
const httpKnows = [...base, ...beside, 'db/**', 'migration/**', 'inventory/**', 'concerns/**'];
const aboveDb = '^(\\.\\./)+db/';

const areas: readonly Area[] = [
  { files: ['src/model/*.ts'], depth: 1, knows: [], why: model },
  { files: ['src/model/*/*.ts'], depth: 2, knows: [], why: model },
  { files: ['src/process/*.ts'], depth: 1, knows: ['model/**'], why: 'process knows the model only' },
  {
    files: ['src/db/*.ts'],
    depth: 1,
    knows: [...base, 'home.ts', 'migration/**', 'inventory/**'],
    typesOnly: '^\\.\\./(migration|inventory)/',
    why: 'db knows model and process, and of migrations the types that its columns hold',
  },
  { files: ['src/transfer/*.ts'], depth: 1, knows: base, why: transfer },
  { files: ['src/transfer/*/*.ts'], depth: 2, knows: base, why: transfer },
  {
    files: ['src/conversion/*.ts'],
    depth: 1,
    knows: [...base, 'transfer/disk.ts'],
    why: 'conversion knows model, process and transfer/disk.ts',
  },
  { files: ['src/providers/*.ts'], depth: 1, knows: [...base, 'transfer/disk.ts'], why: provider },
  { files: ['src/providers/*/*.ts'], depth: 1, knows: [...providerKnows, 'provider.ts'], why: provider },
  { files: ['src/providers/*/*/*.ts'], depth: 2, knows: [...providerKnows, 'provider.ts'], why: provider },
  {
    files: ['src/providers/{local,domain,net}/*.ts'],
    depth: 1,
    knows: providerKnows,
    why: 'what providers share knows no provider',
  },
  { files: ['src/migration/*.ts'], depth: 1, knows: [...migrationKnows, 'db/**'], typesOnly: aboveDb, why: store },
  { files: ['src/migration/*-store.ts'], depth: 1, knows: [...migrationKnows, 'db/**'], why: migration },
  {
    files: ['src/migration/*/*.ts'],
    depth: 2,
    knows: migrationKnows,
    why: `${migration}; steps run in workers, which have no database`,
  },
  { files: ['src/inventory/*.ts'], depth: 1, knows: [...inventoryKnows, 'db/**'], typesOnly: aboveDb, why: store },
  { files: ['src/inventory/*-store.ts'], depth: 1, knows: inventoryStoreKnows, why: inventory },
  { files: ['src/inventory/*/*.ts'], depth: 2, knows: inventoryKnows, why: inventory },
  { files: ['src/concerns/*.ts'], depth: 1, knows: [...base, 'inventory/search/**'], why: concerns },
  { files: ['src/http/*.ts'], depth: 1, knows: httpKnows, typesOnly: aboveDb, why: `${http}; ${store}` },
  { files: ['src/http/*-store.ts', 'src/http/server.ts'], depth: 1, knows: httpKnows, why: http },
  { files: ['src/http/*/*.ts'], depth: 2, knows: httpKnows, typesOnly: aboveDb, why: `${http}; ${store}` },
  { files: ['src/http/*/*-store.ts'], depth: 2, knows: httpKnows, why: http },
  {
    files: ['src/cli/*.ts'],
    depth: 1,
    knows: [
      ...base,
      ...beside,
      'migration/api.ts',
      'inventory/api.ts',
      'inventory/search-api.ts',
      'inventory/upload-api.ts',
    ],
    typesOnly: '^\\.\\./(migration|inventory)/',
    why: 'cli is a client: it knows model, the files beside main.ts and the types of the API; main.ts hands it the roles',
  },
  {
    files: ['src/worker/*.ts'],
    depth: 1,
    knows: [
      ...base,
      'home.ts',
      'version.ts',
      'inventory/protocol.ts',
      'inventory/upload-protocol.ts',
      'migration/protocol.ts',
      'migration/protocol-version.ts',
      'migration/step.ts',
      'migration/vm-name.ts',
      'providers/provider.ts',
      'transfer/throttle.ts',
    ],
    why: 'worker knows model, process, the protocol, the ports and the limiter; main.ts hands it steps and providers',
  },
];

const edges: OxlintOverride = {
  files: ['src/*.ts'],
  excludeFiles: ['src/main.ts', 'src/server-parts.ts', 'src/command-wiring.ts', 'src/wiring.ts', ...tests],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: ['./**', '!./model/**', ...beside.map((file) => `!./${file}`)],
            message:
              'only main.ts, server-parts.ts and those of the wiring know the edges and wire the areas (DESIGN.md 7)',
          },
        ],
      },
    ],
  },
};

const ui: OxlintOverride = {
  files: ['ui/**/*.ts', 'ui/**/*.tsx'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: '^(\\.\\./)+src/',
            allowTypeImports: true,
            message: 'the console knows the types of the API, no code of the server (DESIGN.md 7)',
          },
        ],
      },
    ],
  },
};

export const arrows: OxlintOverride[] = [...areas.map(overrideOf), edges, ui];

function overrideOf({ files, depth, knows, typesOnly, why }: Area): OxlintOverride {
  const above = '../'.repeat(depth);
  const message = `${why} (DESIGN.md 7)`;
  const refused = { group: [`${above}**`, ...knows.map((path) => `!${above}${path}`)], message };
  const valuesRefused =
    typesOnly === undefined ? [] : [{ regex: typesOnly, allowTypeImports: true, message: `types only: ${message}` }];
  // In this order: what the second pattern lets through is not shown to later ones.
  return {
    files: [...files],
    excludeFiles: tests,
    rules: { 'no-restricted-imports': ['error', { patterns: [...valuesRefused, refused] }] },
  };
}
