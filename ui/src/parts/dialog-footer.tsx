import { Button, ModalFooter } from '@patternfly/react-core';

/** The two ways out of a dialog: what it is about, which may take a moment, and leaving things as they are. */
export function DialogFooter(props: {
  readonly does: string;
  readonly onDo: () => void;
  readonly isPending: boolean;
  readonly isDanger?: boolean;
  readonly leaves: string;
  readonly onLeave: () => void;
}) {
  const { does, onDo, isPending, isDanger = false, leaves, onLeave } = props;
  return (
    <ModalFooter>
      <Button variant={isDanger ? 'danger' : 'primary'} isDisabled={isPending} isLoading={isPending} onClick={onDo}>
        {does}
      </Button>
      <Button variant="link" onClick={onLeave}>
        {leaves}
      </Button>
    </ModalFooter>
  );
}
