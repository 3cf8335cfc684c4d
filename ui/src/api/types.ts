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

export type {
  CreateProvider,
  EditProvider,
  InventoryVmView,
  ObjectPage,
  ObjectView,
  ProviderCheck,
  ProviderState,
  ProviderView,
  TreeNode,
  UnreadableView,
  UnsavedInventory,
  UnsavedProvider,
} from '../../../src/inventory/api.ts';
export type {
  CheckedFilter,
  FilterCompletion,
  SavedFilter,
  SortKey,
  VmListItem,
  VmPage,
} from '../../../src/inventory/search-api.ts';
export type { UploadView } from '../../../src/inventory/upload-api.ts';
export type { InventoryKind, InventoryVm } from '../../../src/model/inventory.ts';
export type { ProviderAccount, ProviderType, Trust } from '../../../src/model/provider.ts';
export type { VmMigrationSpec } from '../../../src/model/spec.ts';

export type Session = {
  readonly signedIn: boolean;
  readonly setupNeeded: boolean;
  readonly name: string | null;
  readonly role: 'viewer' | 'operator' | 'administrator' | null;
};
