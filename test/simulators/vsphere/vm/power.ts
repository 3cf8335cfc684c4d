/** Power: on, off, and what only a guest with tools can do. */
import { setTimeout as sleep } from 'node:timers/promises';
import { checkReachable, disksOf, keyOfDevice, powerOf, setPower } from './vm.ts';
import { applyTracking, showChangeId } from './tracking.ts';
import { invalidPowerState, notSupported, VimFault } from '../soap/fault.ts';
import { asRef, type Ref } from '../values.ts';
import { nothing, type Answer, type Call, type Handler, type World } from '../world.ts';

type Move = { readonly to: string; readonly from: readonly string[] };

const moves: Readonly<Record<string, Move>> = {
  PowerOnVM_Task: { to: 'poweredOn', from: ['poweredOff', 'suspended'] },
  PowerOffVM_Task: { to: 'poweredOff', from: ['poweredOn', 'suspended'] },
  SuspendVM_Task: { to: 'suspended', from: ['poweredOn'] },
  ResetVM_Task: { to: 'poweredOn', from: ['poweredOn'] },
};

function move(call: Call): Answer {
  const { world, self, method } = call;
  const { to, from } = moves[method] ?? { to: '', from: [] };
  const vm = self.ref;
  if (to === 'poweredOn' && world.store.read(vm, 'config.template') === true) throw notSupported();
  checkReachable(world, vm);
  const now = powerOf(world.store, vm);
  if (!from.includes(now)) throw invalidPowerState(to, now);
  return world.tasks.start(call, {
    entity: vm,
    run() {
      const host = asRef(call.args['host']);
      if (host !== undefined) world.store.set(vm, 'runtime.host', host);
      changePower(world, vm, to);
      return undefined;
    },
  });
}

/** A power cycle is a stun: asked-for change tracking begins, and change ids go on. */
export function changePower(world: World, vm: Ref, to: string): void {
  setPower(world, vm, to);
  applyTracking(world, vm);
  for (const disk of disksOf(world.store, vm)) {
    const { tracker } = world.disks.find(vm, keyOfDevice(disk)) ?? {};
    tracker?.stun();
    if (tracker != null) showChangeId(world, vm, keyOfDevice(disk));
  }
}

function checkTools({ world, self }: Call): void {
  checkReachable(world, self.ref);
  const now = powerOf(world.store, self.ref);
  if (now !== 'poweredOn') throw invalidPowerState('poweredOn', now);
  if (world.store.read(self.ref, 'guest.toolsRunningStatus') !== 'guestToolsRunning') {
    const message = 'Cannot complete operation because VMware Tools is not running in this virtual machine.';
    throw new VimFault('ToolsUnavailable', message);
  }
}

/** The call only asks the guest: what becomes of it is seen in the power state. */
function askGuest(to: string): Handler {
  return (call) => {
    checkTools(call);
    const { world, self } = call;
    const { shutdownMs } = world.settings;
    if (shutdownMs !== null) {
      void sleep(shutdownMs, undefined, { ref: false }).then(() => {
        const there = world.store.find(self.ref) !== undefined;
        if (there && powerOf(world.store, self.ref) === 'poweredOn') changePower(world, self.ref, to);
      });
    }
    return nothing;
  };
}

export const power: Record<string, Handler> = {
  PowerOnVM_Task: move,
  PowerOffVM_Task: move,
  SuspendVM_Task: move,
  ResetVM_Task: move,
  ShutdownGuest: askGuest('poweredOff'),
  StandbyGuest: askGuest('suspended'),
  RebootGuest: askGuest('poweredOn'),
  AnswerVM({ world, self, args }) {
    const question = world.store.read(self.ref, 'runtime.question.id');
    if (question === undefined || question !== args['questionId']) {
      throw new VimFault('InvalidArgument', 'A specified parameter was not correct: questionId', {
        invalidProperty: 'questionId',
      });
    }
    world.store.set(self.ref, 'runtime.question', undefined);
    return nothing;
  },
};
