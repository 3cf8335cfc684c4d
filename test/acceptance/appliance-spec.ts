import type { TargetSpec, VmMigrationSpec } from '../../src/model/spec.ts';

/** What a scenario asks for: an OVA, everything else as the command line's defaults have it. */
export function ovaSpec(
  path: string,
  target: TargetSpec,
  more: Partial<VmMigrationSpec['options']> = {},
): VmMigrationSpec {
  return {
    source: { type: 'ova', path },
    vm: null,
    target,
    targetName: null,
    options: { conversion: 'auto', verify: 'full', power: 'as-source', ...more },
  };
}
