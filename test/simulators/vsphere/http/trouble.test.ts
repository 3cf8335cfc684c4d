import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { smallInventory } from '../inventory/small.ts';
import { startVsphere, type VsphereSimulator } from '../simulator.ts';
import { VimFault } from '../soap/fault.ts';
import { Raw } from '../testing/raw.ts';

const instance = { type: 'ServiceInstance', value: 'ServiceInstance' };
let simulator: VsphereSimulator;
let raw: Raw;
beforeAll(async () => {
  simulator = await startVsphere();
  smallInventory(simulator.world, 1);
  raw = new Raw(simulator);
  await raw.login();
});
afterAll(() => simulator[Symbol.asyncDispose]());

describe('what goes wrong on demand', () => {
  it.each([401, 503])('a storm of %d, then all is well', async (status) => {
    simulator.troubles.add({ kind: 'status', status, times: 3 });
    for (let time = 0; time < 3; time += 1) {
      await expect(raw.call(instance, 'CurrentTime')).rejects.toThrow(/XML/);
    }
    expect((await raw.call(instance, 'CurrentTime')).status).toBe(200);
  });

  it('an answer is cut off, of one method only', async () => {
    const end = simulator.troubles.add({ kind: 'cut', bytes: 200, only: /CurrentTime/ });
    await expect(raw.call(instance, 'CurrentTime')).rejects.toThrow(/cut off|aborted|hang up/);
    expect((await raw.call(instance, 'RetrieveServiceContent')).status).toBe(200);
    end();
    expect((await raw.call(instance, 'CurrentTime')).status).toBe(200);
  });

  it('a connection is reset', async () => {
    simulator.troubles.add({ kind: 'reset', times: 1 });
    await expect(raw.call(instance, 'CurrentTime')).rejects.toThrow(/ECONNRESET|hang up/);
  });

  it('nothing comes at all', async () => {
    simulator.troubles.add({ kind: 'hang', times: 1 });
    await expect(raw.call(instance, 'CurrentTime', '', AbortSignal.timeout(300))).rejects.toThrow(/abort/i);
  });

  it('an answer is late', async () => {
    simulator.troubles.add({ kind: 'slow', delayMs: 120, times: 1 });
    const before = performance.now();
    expect((await raw.call(instance, 'CurrentTime')).status).toBe(200);
    expect(performance.now() - before).toBeGreaterThan(100);
  });

  it('a method fails from its second call on, once', async () => {
    const fault = new VimFault('HostCommunication', 'The host does not answer.');
    simulator.world.rules.add({ method: 'CurrentTime', nth: 2, times: 1, fault });
    const faults = [];
    for (let time = 0; time < 3; time += 1) faults.push((await raw.call(instance, 'CurrentTime')).fault);
    expect(faults).toEqual([null, 'HostCommunication', null]);
  });
});
