import { pathsOf } from '../model/source-paths.ts';
import type { SourceSpec, VmMigrationSpec } from '../model/spec.ts';
import type { Vm } from '../model/vm.ts';
import { hiddenQuery, withoutQuery } from '../model/web-address.ts';

/** What people call the VM: its name when preflight has told, before that what was asked for, or the file's name. */
export function vmNameOf(spec: VmMigrationSpec, vm: Vm | null): string {
  return vm?.name ?? spec.vm ?? spec.targetName ?? fileName(spec.source);
}

function fileName(source: SourceSpec): string {
  const path = (source.type === 'files' ? source.name : undefined) ?? pathsOf(source)[0] ?? '';
  const place = source.type === 'web' ? withoutQuery(path).shown.replace(hiddenQuery, '') : path;
  return place.slice(place.lastIndexOf('/') + 1);
}
