import { ProgressStep, ProgressStepper } from '@patternfly/react-core';
import type { ComponentProps } from 'react';
import type { StepView } from '../../api/types.ts';
import { elapsed, percent } from '../../format.ts';

type Variant = NonNullable<ComponentProps<typeof ProgressStep>['variant']>;
const variants: Readonly<Record<StepView['state'], Variant>> = {
  waiting: 'pending',
  ready: 'pending',
  running: 'info',
  succeeded: 'success',
  skipped: 'default',
  failed: 'danger',
  canceled: 'warning',
  undone: 'default',
};

const names: Readonly<Record<string, string>> = {
  preflight: 'Preflight',
  'create-disks': 'Create disks',
  copy: 'Copy',
  convert: 'Convert',
  'check-manifest': 'Check the source’s checksums',
  verify: 'Verify against the source',
  apply: 'Apply the conversion',
  'create-vm': 'Create the VM',
  'power-on': 'Power on',
  'check-boot': 'Check that it boots',
  finalize: 'Finalize',
  'clean-up': 'Clean up',
  undo: 'Undo',
};

/** The itinerary of one VM. Copy and conversion are shown as running at the same time, because they do. */
export function Steps({ steps }: { readonly steps: readonly StepView[] }) {
  return (
    <ProgressStepper isVertical isCompact aria-label="Steps">
      {steps.map((step) => (
        <ProgressStep
          key={step.id}
          id={step.id}
          titleId={`${step.id}-title`}
          variant={variants[step.state]}
          isCurrent={step.state === 'running'}
          description={describe(step)}
          aria-label={`${names[step.name] ?? step.name}: ${step.state}`}
        >
          {names[step.name] ?? step.name}
        </ProgressStep>
      ))}
    </ProgressStepper>
  );
}

function describe(step: StepView): string {
  const parts: string[] = [];
  if (step.state === 'running') {
    if (step.phase !== '') parts.push(step.phase);
    if (step.fraction !== null) parts.push(`${percent(step.fraction)} %`);
  } else if (step.state !== 'succeeded' && step.state !== 'waiting') parts.push(step.state);
  if (step.startedAt !== null && step.state !== 'skipped') parts.push(elapsed(step.startedAt, step.endedAt));
  if (step.attempts > 1) parts.push(`${step.attempts} attempts`);
  if (step.error !== null) parts.push(step.error.message);
  return parts.join(' · ');
}
