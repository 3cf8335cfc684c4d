import { expect, test } from 'vitest';
import { chooseMechanism, saslSteps } from './sasl.ts';

const text = (bytes: Buffer): string => bytes.toString('utf8');

test('SCRAM-SHA-256 as in the example of RFC 7677, and the server has to prove itself', () => {
  const steps = saslSteps('SCRAM-SHA-256', { user: 'user', password: 'pencil' }, 'rOprNGfwEbeRWgbNEkqO');
  expect(text(steps(null))).toBe('n,,n=user,r=rOprNGfwEbeRWgbNEkqO');
  const challenge = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096';
  expect(text(steps(Buffer.from(challenge)))).toBe(
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  );
  expect(text(steps(Buffer.from('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')))).toBe('');
  expect(() => steps(Buffer.from('v=AAAA'))).toThrow(/prove/);
});

test('SCRAM-SHA-1 as in the example of RFC 5802', () => {
  const steps = saslSteps('SCRAM-SHA-1', { user: 'user', password: 'pencil' }, 'fyko+d2lbbFgONRv9qkxdawL');
  steps(null);
  const challenge = 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096';
  expect(text(steps(Buffer.from(challenge)))).toContain('p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=');
});

test('a challenge that is not one of ours, or that would keep us busy for ever, is refused', () => {
  for (const challenge of [
    'r=other,s=AA==,i=4096',
    'r=nonce,s=AA==,i=4096',
    'r=nonceX,s=AA==,i=99999999',
    'r=nonceX,s=AA==,i=0',
    'r=nonceX,s=AA==,i=4095',
    '',
  ]) {
    const steps = saslSteps('SCRAM-SHA-256', { user: 'a', password: 'b' }, 'nonce');
    steps(null);
    expect(() => steps(Buffer.from(challenge))).toThrow(/challenge/);
  }
});

test('a password goes in plain only where what carries it is encrypted', () => {
  expect(chooseMechanism(['PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256'], false)).toBe('SCRAM-SHA-256');
  expect(chooseMechanism(['PLAIN'], true)).toBe('PLAIN');
  expect(chooseMechanism(['PLAIN', 'GSSAPI'], false)).toBeNull();
  expect(text(saslSteps('PLAIN', { user: 'a', password: 'b' })(null))).toBe('\0a\0b');
});
