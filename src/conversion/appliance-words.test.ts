import { describe, expect, it } from 'vitest';
import { applianceWords } from './appliance-words.ts';

describe('words for the appliance’s kernel', () => {
  it('are only for one that is emulated', () => {
    expect(applianceWords('kvm', 2)).toEqual({});
    expect(applianceWords('tcg', 8)['LIBGUESTFS_APPEND']).toMatch(/^mitigations=off .*\bnosmap\b/);
  });
  it('leave it one processor where the other of two is the copy’s', () => {
    expect(applianceWords('tcg', 2)['LIBGUESTFS_APPEND']).toMatch(/ maxcpus=1$/);
    expect(applianceWords('tcg', 4)['LIBGUESTFS_APPEND']).not.toContain('maxcpus');
  });
});
