import { describe, expect, it } from 'vitest';
import { bootsWith, probeAccelerator } from './accelerator.ts';
import { bootSector } from './boot-sector.ts';

describe('the accelerator', () => {
  it('is found by a boot sector that does its work under TCG, so that a failure under KVM is KVM’s', async () => {
    const sector = bootSector();
    expect(sector.length).toBe(512);
    expect(sector.readUInt16LE(510)).toBe(0xaa55);
    expect(await bootsWith('tcg')).toBe(true);
  });

  it('is KVM exactly if the tiny guest boots with it, and is found only once', async () => {
    const found = await probeAccelerator();
    expect(found).toBe((await bootsWith('kvm')) ? 'kvm' : 'tcg');
    const before = performance.now();
    expect(await probeAccelerator()).toBe(found);
    expect(performance.now() - before).toBeLessThan(50);
  });

  it('is not looked for when the call is canceled', async () => {
    await expect(probeAccelerator(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});
