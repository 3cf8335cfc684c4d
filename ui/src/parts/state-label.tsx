import { Label, type LabelProps } from '@patternfly/react-core';
import {
  BanIcon,
  CheckCircleIcon,
  ClockIcon,
  ExclamationCircleIcon,
  InProgressIcon,
  PauseCircleIcon,
} from '@patternfly/react-icons';

type Look = Pick<LabelProps, 'color' | 'status' | 'icon'>;

const done: Look = { status: 'success', icon: <CheckCircleIcon /> };
const stopped: Look = { color: 'grey', icon: <BanIcon /> };
const waiting: Look = { color: 'teal', icon: <ClockIcon /> };
const looks: Readonly<Record<string, Look>> = {
  succeeded: done,
  completed: done,
  failed: { status: 'danger', icon: <ExclamationCircleIcon /> },
  canceled: stopped,
  denied: stopped,
  running: { color: 'blue', icon: <InProgressIcon /> },
  canceling: { status: 'warning', icon: <InProgressIcon /> },
  undoing: { status: 'warning', icon: <InProgressIcon /> },
  paused: { status: 'warning', icon: <PauseCircleIcon /> },
};

/** A state by its own word (DESIGN.md 3): said, coloured and drawn. */
export function StateLabel({ state }: { readonly state: string }) {
  return (
    <Label variant="outline" {...(looks[state] ?? waiting)}>
      {sentence(state)}
    </Label>
  );
}

function sentence(state: string): string {
  return `${state.charAt(0).toUpperCase()}${state.slice(1).replaceAll('_', ' ')}`;
}
