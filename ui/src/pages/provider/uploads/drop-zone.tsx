import { Button, Content } from '@patternfly/react-core';
import { type ChangeEvent, type DragEvent, useRef, useState } from 'react';
import { Problem } from '../../../parts/problem.tsx';
import { chosen, dropped, type Given } from './dropped.ts';

/** Files or a folder: dropped, or chosen by the buttons, which the keyboard reaches. */
export function DropZone({ send }: { readonly send: (given: readonly Given[]) => void }) {
  const [isOver, setIsOver] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const onDrop = (event: DragEvent): void => {
    event.preventDefault();
    setIsOver(false);
    setError(null);
    dropped(event.dataTransfer.items).then(send, setError);
  };
  const onChange = ({ currentTarget }: ChangeEvent<HTMLInputElement>): void => {
    if (currentTarget.files !== null) send(chosen(currentTarget.files));
    // The same file may be chosen again.
    currentTarget.value = '';
  };
  return (
    <div
      role="group"
      aria-label="Upload"
      className={`w-drop${isOver ? ' w-drop-over' : ''}`}
      onDragOver={(event) => {
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={() => setIsOver(false)}
      onDrop={onDrop}
    >
      <Content component="p">
        Drop an OVA here, or a folder with a configuration (OVF or libvirt domain XML) and its disks. Size and free
        space are checked before anything is sent.
      </Content>
      <div className="w-actions">
        <Button variant="secondary" onClick={() => files.current?.click()}>
          Choose files
        </Button>
        <Button variant="secondary" onClick={() => folder.current?.click()}>
          Choose a folder
        </Button>
      </div>
      <input ref={files} type="file" multiple hidden aria-label="Files" onChange={onChange} />
      <input ref={folder} type="file" hidden aria-label="Folder" onChange={onChange} {...{ webkitdirectory: '' }} />
      {error !== null && <Problem error={error} />}
    </div>
  );
}
