import { ActionGroup, Button, Content, Form, FormGroup, LoginPage, TextInput } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { post } from '../../api/client.ts';
import { Problem } from '../../parts/problem.tsx';

/** The first visit: whoever has the one-time token that the server printed becomes the administrator. */
export function SetUpPage() {
  const queries = useQueryClient();
  const [token, setToken] = useState('');
  const [user, setUser] = useState('admin');
  const [password, setPassword] = useState('');
  const setUp = useMutation({
    mutationFn: async () => {
      await post('/setup', { token, user, password });
      await post('/session', { user, password });
    },
    onSuccess: () => queries.invalidateQueries(),
  });
  return (
    <LoginPage loginTitle="Set up Wherry" brandImgSrc="/icon.svg" brandImgAlt="Wherry">
      <Form
        onSubmit={(event) => {
          event.preventDefault();
          setUp.mutate();
        }}
      >
        <Content component="p">
          The server printed a set-up token when it started; <code>wherry setup-token</code> shows it again.
        </Content>
        {setUp.isError && <Problem error={setUp.error} />}
        <FormGroup label="Set-up token" isRequired fieldId="token">
          <TextInput
            id="token"
            isRequired
            value={token}
            autoComplete="off"
            onChange={(_event, value) => setToken(value)}
          />
        </FormGroup>
        <FormGroup label="User" isRequired fieldId="user">
          <TextInput
            id="user"
            isRequired
            value={user}
            autoComplete="username"
            onChange={(_event, value) => setUser(value)}
          />
        </FormGroup>
        <FormGroup label="New password" isRequired fieldId="password">
          <TextInput
            id="password"
            isRequired
            type="password"
            value={password}
            autoComplete="new-password"
            onChange={(_event, value) => setPassword(value)}
          />
        </FormGroup>
        <ActionGroup>
          <Button type="submit" isBlock isDisabled={setUp.isPending}>
            Create the administrator
          </Button>
        </ActionGroup>
      </Form>
    </LoginPage>
  );
}
