import { Alert, Button, Form } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { post } from '../../api/client.ts';
import { Problem } from '../../parts/problem.tsx';
import { Field } from './field.tsx';
import { Gate } from './gate.tsx';

/** @param props.hasEnded who is here was signed in a moment ago */
export function SignInPage({ hasEnded }: { readonly hasEnded: boolean }) {
  const queries = useQueryClient();
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const signIn = useMutation({
    mutationFn: () => post('/session', { user, password }),
    onSuccess: () => queries.invalidateQueries(),
  });
  return (
    <Gate title="Sign in to Wherry">
      <Form
        onSubmit={(event) => {
          event.preventDefault();
          signIn.mutate();
        }}
      >
        {hasEnded && !signIn.isError && (
          <Alert isInline variant="info" component="p" title="Your session has ended. Sign in again to go on." />
        )}
        {signIn.isError && <Problem error={signIn.error} />}
        <Field id="user" label="User" value={user} onChange={setUser} autoComplete="username" autoFocus />
        <Field
          id="password"
          label="Password"
          type="password"
          value={password}
          onChange={setPassword}
          autoComplete="current-password"
        />
        <Button type="submit" isBlock isDisabled={signIn.isPending || user === '' || password === ''}>
          Sign in
        </Button>
      </Form>
    </Gate>
  );
}
