import { OffIcon, PauseIcon, PlayIcon, QuestionCircleIcon } from '@patternfly/react-icons';
import type { ReactNode } from 'react';
import type { InventoryVm } from '../api/types.ts';

const icons: Readonly<Record<InventoryVm['power'], ReactNode>> = {
  on: <PlayIcon />,
  off: <OffIcon />,
  suspended: <PauseIcon />,
  paused: <PauseIcon />,
  unknown: <QuestionCircleIcon />,
};

export function Power({ power }: { readonly power: InventoryVm['power'] }) {
  return (
    <span className={`w-power w-power-${power}`}>
      {icons[power]} {power}
    </span>
  );
}
