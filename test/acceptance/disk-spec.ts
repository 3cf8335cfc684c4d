import type { TargetSpec, VmMigrationSpec } from '../../src/model/spec.ts';

/** A VM made of bare images, copied to image files as it is. */
export function diskSpec(
  paths: readonly string[],
  target: Pick<Extract<TargetSpec, { type: 'files' }>, 'directory' | 'format' | 'compressed'>,
  name: string,
  options: Partial<VmMigrationSpec['options']> = {},
): VmMigrationSpec {
  return {
    source: { type: 'files', paths: [...paths], name },
    vm: null,
    target: { type: 'files', networks: {}, ...target },
    targetName: name,
    options: { conversion: 'never', verify: 'full', power: 'as-source', ...options },
  };
}
