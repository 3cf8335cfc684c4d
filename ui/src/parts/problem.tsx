import { Alert, Content, List, ListItem } from '@patternfly/react-core';
import { Refusal } from '../api/client.ts';
import type { ShownError } from '../api/types.ts';

/** An error for the person who reads it: what failed, why in the tools' own words, what to do next. */
export function ErrorText({ title, error }: { readonly title?: string; readonly error: ShownError }) {
  return (
    <Alert isInline variant="danger" component="h3" title={title ?? error.message}>
      {title === undefined ? null : <Content component="p">{error.message}</Content>}
      {error.causes.length > 0 && (
        <List isPlain aria-label="Causes">
          {error.causes.map((cause) => (
            <ListItem key={cause}>
              <code style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>{cause}</code>
            </ListItem>
          ))}
        </List>
      )}
      <Content component="p">
        <strong>What to do:</strong> {error.next}
      </Content>
    </Alert>
  );
}

/** The same for a request that was refused. */
export function Problem({ error }: { readonly error: Error }) {
  if (error instanceof Refusal) {
    const { code, title, next, causes } = error.problem;
    return <ErrorText error={{ code, params: {}, message: title, next, causes: [...causes] }} />;
  }
  return <Alert isInline variant="danger" component="h3" title={error.message} />;
}
