import { Alert, Content } from '@patternfly/react-core';
import { Refusal } from '../api/client.ts';
import type { ShownError } from '../api/types.ts';

type Explained = Pick<ShownError, 'message' | 'next' | 'causes'>;

/** An error for the person who reads it: what failed, why in the tools' own words, what to do next. */
export function ErrorText(props: {
  readonly title?: string;
  readonly error: Explained;
  /** Where it stands among the page's headings. */
  readonly heading?: 'h2' | 'h3' | 'h4';
}) {
  const { title, error, heading = 'h3' } = props;
  return (
    <Alert isInline variant="danger" component={heading} title={title ?? error.message}>
      {title !== undefined && <Content component="p">{error.message}</Content>}
      <Causes causes={error.causes} />
      {error.next !== '' && (
        <Content component="p">
          <strong>What to do:</strong> {error.next}
        </Content>
      )}
    </Alert>
  );
}

function Causes({ causes }: { readonly causes: readonly string[] }) {
  if (causes.length === 0) return null;
  return (
    <>
      <Content component="p">
        <strong>Cause:</strong>
      </Content>
      <ul className="w-causes" aria-label="Causes">
        {causes.map((cause) => (
          <li key={cause}>
            <code>{cause}</code>
          </li>
        ))}
      </ul>
    </>
  );
}

/** The same for a request that was refused. */
export function Problem({ error }: { readonly error: Error }) {
  if (error instanceof Refusal) {
    const { title, next, causes } = error.problem;
    return <ErrorText heading="h2" error={{ message: title, next, causes: [...causes] }} />;
  }
  return <Alert isInline variant="danger" component="h2" title={error.message} />;
}
