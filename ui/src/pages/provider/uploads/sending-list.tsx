import { Button } from '@patternfly/react-core';
import { bytesOf, percent } from '../../../format.ts';
import { Meter } from '../../../parts/meter.tsx';
import { Problem } from '../../../parts/problem.tsx';
import type { Sending } from './use-sending.ts';

const words: Readonly<Record<Sending['state'], string>> = {
  queued: 'waits for its turn',
  sending: '',
  waiting: 'the connection broke, it is tried again',
  done: 'uploaded',
  failed: 'failed',
};

export function SendingList(props: { readonly files: readonly Sending[]; readonly cancel: (path: string) => void }) {
  const { files, cancel } = props;
  if (files.length === 0) return null;
  return (
    <ul className="w-stack" aria-label="Uploads of this page">
      {files.map((file) => {
        const { path, sizeBytes, doneBytes, state, error } = file;
        const said = [bytesOf(doneBytes, sizeBytes), words[state]].filter((text) => text !== '').join(', ');
        return (
          <li key={path} className="w-sending">
            <Meter
              label={path}
              value={sizeBytes === 0 || state === 'done' ? 100 : percent(doneBytes / sizeBytes)}
              measure={said}
              small
              variant={state === 'done' ? 'success' : state === 'failed' ? 'danger' : 'plain'}
            />
            {state !== 'done' && (
              <Button variant="secondary" size="sm" aria-label={`Cancel ${path}`} onClick={() => cancel(path)}>
                {state === 'failed' ? 'Remove' : 'Cancel'}
              </Button>
            )}
            {error !== null && <Problem error={error} />}
          </li>
        );
      })}
    </ul>
  );
}
