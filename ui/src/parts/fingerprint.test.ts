import { expect, test } from 'vitest';
import { fingerprintGroups } from './fingerprint.ts';

test('a certificate’s fingerprint stands in eight groups of pairs, from which it can be had back', () => {
  const sha256 = '0123456789abcdef'.repeat(4);
  const groups = fingerprintGroups(sha256);
  expect(groups).toHaveLength(8);
  expect(groups[0]).toBe('01:23:45:67');
  expect(groups.join(':').replaceAll(':', '').toLowerCase()).toBe(sha256);
});

test('a host key’s fingerprint stays as ssh-keygen prints it', () => {
  const key = 'SHA256:AbCdEfGhIjKlMnOpQrStUvWxYz0123456789+/AbCdE';
  expect(fingerprintGroups(key)).toEqual([key]);
});
