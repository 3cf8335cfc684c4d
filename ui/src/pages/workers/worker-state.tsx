import { Label } from '@patternfly/react-core';
import { CheckCircleIcon, QuestionCircleIcon } from '@patternfly/react-icons';

/** A worker that is silent may be dead or only cut off: nobody knows, and that is what is said. */
export function WorkerState({ alive }: { readonly alive: boolean }) {
  return alive ? (
    <Label variant="outline" status="success" icon={<CheckCircleIcon />}>
      Alive
    </Label>
  ) : (
    <Label variant="outline" status="warning" icon={<QuestionCircleIcon />}>
      Silent
    </Label>
  );
}
