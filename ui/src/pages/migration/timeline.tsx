import {
  BanIcon,
  CheckCircleIcon,
  ExclamationCircleIcon,
  InProgressIcon,
  MinusCircleIcon,
  OutlinedCircleIcon,
} from '@patternfly/react-icons';
import type { ReactNode } from 'react';
import type { StepView } from '../../api/types.ts';
import { duration, percent, secondsBetween } from '../../format.ts';
import { useNow } from '../../parts/elapsed.tsx';
import { stepTitle } from '../../parts/steps.ts';
import { type Placed, placeSteps } from './place-steps.ts';

const icons: Readonly<Record<StepView['state'], ReactNode>> = {
  waiting: <OutlinedCircleIcon />,
  ready: <OutlinedCircleIcon />,
  running: <InProgressIcon />,
  succeeded: <CheckCircleIcon />,
  skipped: <MinusCircleIcon />,
  failed: <ExclamationCircleIcon />,
  canceled: <BanIcon />,
  undone: <MinusCircleIcon />,
};

/** The itinerary of one VM on one axis of time, so that one sees what runs side by side and where the time goes. */
export function Timeline({ steps, vmName }: { readonly steps: readonly StepView[]; readonly vmName: string }) {
  const now = useNow(steps.some(({ state }) => state === 'running'));
  return (
    <table className="w-steps" aria-label={`Steps of ${vmName}`}>
      <thead>
        <tr>
          <th scope="col">Step</th>
          <th scope="col" className="w-steps-when">
            When
          </th>
          <th scope="col">State</th>
          <th scope="col" className="w-steps-took">
            Time
          </th>
        </tr>
      </thead>
      <tbody>
        {placeSteps(steps, now).map((placed) => (
          <Row key={placed.step.id} placed={placed} now={now} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ placed: { step, left, width }, now }: { readonly placed: Placed; readonly now: number }) {
  const seconds = step.state === 'skipped' ? null : secondsBetween(step.startedAt, step.endedAt, now);
  return (
    <tr className={`w-step w-step-${step.state}`} data-step={step.name} data-state={step.state}>
      <th scope="row">
        <span className="w-step-icon" aria-hidden="true">
          {icons[step.state]}
        </span>
        {stepTitle(step.name)}
      </th>
      <td className="w-steps-when" aria-hidden="true">
        {width > 0 && <span className="w-bar" style={{ insetInlineStart: `${left}%`, inlineSize: `${width}%` }} />}
      </td>
      <td>{describe(step)}</td>
      <td className="w-steps-took">{seconds === null ? '' : duration(seconds)}</td>
    </tr>
  );
}

const words: Readonly<Record<StepView['state'], string>> = {
  waiting: '',
  ready: 'ready',
  running: 'running',
  succeeded: 'done',
  skipped: 'not needed',
  failed: 'failed',
  canceled: 'canceled',
  undone: 'not run',
};

function describe(step: StepView): string {
  const parts: string[] = [];
  if (step.state === 'running') {
    if (step.fraction !== null) parts.push(`${percent(step.fraction)} %`);
    parts.push(step.phase === '' ? words.running : step.phase);
  } else parts.push(words[step.state]);
  if (step.attempts > 1) parts.push(`attempt ${step.attempts}`);
  return parts.filter((part) => part !== '').join(', ');
}
