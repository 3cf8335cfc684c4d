import { Label, type LabelProps } from '@patternfly/react-core';

type Look = Pick<LabelProps, 'color' | 'status'>;
const looks: Readonly<Record<string, Look>> = {
  succeeded: { status: 'success' },
  completed: { status: 'success' },
  failed: { status: 'danger' },
  canceled: { color: 'grey' },
  denied: { color: 'grey' },
  skipped: { color: 'grey' },
  undone: { color: 'grey' },
  running: { color: 'blue' },
  paused: { status: 'warning' },
};

/** A state by its own word (DESIGN.md 3), with the colour that PatternFly gives such states. */
export function StateLabel({ state }: { readonly state: string }) {
  return <Label {...(looks[state] ?? { color: 'teal' })}>{state.replaceAll('_', ' ')}</Label>;
}
