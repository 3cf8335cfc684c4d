import { readFile } from 'node:fs/promises';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMachineLine, phaseOf } from './tool-output.ts';

const recorded = (
  await readFile(new URL('fixtures/virt-v2v-2.2-debian12-bios.json-lines', import.meta.url), 'utf8')
).split('\n');

describe('what virt-v2v 2.2 wrote in a real run', () => {
  it('becomes phases whose fraction never falls', () => {
    const phases = recorded
      .map(parseMachineLine)
      .filter((message) => message !== null)
      .map(phaseOf)
      .filter((phase) => phase !== null);
    expect([...new Set(phases.map((phase) => phase.phase))]).toEqual([
      'setting up',
      'opening',
      'inspecting',
      'converting',
      'trimming',
      'closing',
      'finishing',
    ]);
    const fractions = phases.map((phase) => phase.fraction);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.at(-1)).toBeLessThan(1);
  });

  it('keeps warnings apart from news', () => {
    const warnings = recorded.map(parseMachineLine).filter((message) => message?.type === 'warning');
    expect(warnings.map((message) => message?.text)).toEqual([
      'could not determine a way to update the configuration of Grub2',
    ]);
  });
});

describe('a machine-readable line', () => {
  it('that is anything else is passed over, never an exception', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        expect(() => parseMachineLine(line)).not.toThrow();
      }),
    );
    expect(parseMachineLine('{"type":"error","mess')).toBeNull();
    expect(parseMachineLine('{"type":"progress","message":"x"}')).toBeNull();
    expect(parseMachineLine('null')).toBeNull();
  });
});
