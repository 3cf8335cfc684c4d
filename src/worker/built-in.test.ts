import { expect, test } from 'vitest';
import { workerEnvironment } from './built-in.ts';

test('the worker beside a server is not told how to open its database', () => {
  const ours = { PATH: '/bin', WHERRY_DIRECTORIES: '/srv' };
  const secret = 'postgres://wherry:secret@db.example/wherry';
  expect(workerEnvironment({ ...ours, WHERRY_DATABASE_URL: secret, PGPASSWORD: 'secret' })).toEqual(ours);
});
