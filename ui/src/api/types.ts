/** What the API shows: the server's own schemas, as types only. */
export type {
  DiskView,
  LimitOver,
  LogPage,
  MigrationPage,
  MigrationSummary,
  MigrationView,
  Rates,
  ShownConcern,
  ShownError,
  StepView,
  VmMigrationView,
  WorkerView,
} from '../../../src/migration/api.ts';

export type Session = {
  readonly signedIn: boolean;
  readonly setupNeeded: boolean;
  readonly name: string | null;
  readonly role: 'viewer' | 'operator' | 'administrator' | null;
};
