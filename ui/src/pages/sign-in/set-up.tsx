import { Button, Content, Form } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { post } from '../../api/client.ts';
import { Problem } from '../../parts/problem.tsx';
import { Field } from './field.tsx';
import { Gate } from './gate.tsx';

/** As the server checks it too. */
const shortest = 10;

/** The first visit: whoever has the one-time token that the server printed becomes the administrator. */
export function SetUpPage() {
  const queries = useQueryClient();
  const [token, setToken] = useState('');
  const [user, setUser] = useState('admin');
  const [password, setPassword] = useState('');
  const [tried, setTried] = useState(false);
  const isTooShort = password.length < shortest;
  const setUp = useMutation({
    // Signs in as well.
    mutationFn: () => post('/setup', { token: token.trim(), user: user.trim(), password }),
    onSuccess: () => queries.invalidateQueries(),
  });
  return (
    <Gate title="Set up Wherry">
      <Form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          setTried(true);
          if (!isTooShort && token !== '' && user !== '') setUp.mutate();
        }}
      >
        <Content component="p">
          Nobody has an account yet. The server printed a set-up token when it started; <code>wherry setup-token</code>{' '}
          on its machine shows it again.
        </Content>
        {setUp.isError && <Problem error={setUp.error} />}
        <Field
          id="token"
          label="Set-up token"
          value={token}
          onChange={setToken}
          autoComplete="off"
          autoFocus
          {...(tried && token === '' ? { help: 'It begins with wherry_setup_.', isWrong: true } : {})}
        />
        <Field id="user" label="User" value={user} onChange={setUser} autoComplete="username" />
        <Field
          id="password"
          label="New password"
          type="password"
          value={password}
          onChange={setPassword}
          autoComplete="new-password"
          help={`At least ${shortest} characters.`}
          isWrong={tried && isTooShort}
        />
        <Button type="submit" isBlock isDisabled={setUp.isPending}>
          Create the administrator
        </Button>
      </Form>
    </Gate>
  );
}
