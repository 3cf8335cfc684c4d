import { LoginForm, LoginPage } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { post } from '../../api/client.ts';

export function SignInPage() {
  const queries = useQueryClient();
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const signIn = useMutation({
    mutationFn: () => post('/session', { user, password }),
    onSuccess: () => queries.invalidateQueries(),
  });
  return (
    <LoginPage
      loginTitle="Sign in to Wherry"
      loginSubtitle="Moves virtual machines between hypervisors"
      brandImgSrc="/icon.svg"
      brandImgAlt="Wherry"
    >
      <LoginForm
        showHelperText={signIn.isError}
        helperText={signIn.error?.message}
        usernameLabel="User"
        usernameValue={user}
        onChangeUsername={(_event, value) => setUser(value)}
        passwordValue={password}
        onChangePassword={(_event, value) => setPassword(value)}
        isLoginButtonDisabled={signIn.isPending}
        onLoginButtonClick={(event) => {
          event.preventDefault();
          signIn.mutate();
        }}
        loginButtonLabel="Sign in"
      />
    </LoginPage>
  );
}
