/** Exports, and what one says to their leases. */
import type { LeasedDisk } from './leases.ts';
import { checkReachable, fileOf, isPhysicalRdm, keyOfDevice, powerOf, vmOfSnapshot } from '../vm/vm.ts';
import { invalidArgument, invalidPowerState, VimFault } from '../soap/fault.ts';
import { asList, asNumber, isData, type Ref } from '../values.ts';
import { answer, nothing, type Answer, type Handler, type World } from '../world.ts';

type HandlerCall = Parameters<Handler>[0];

export const leaseMethods: Record<string, Handler> = {
  ExportVm(call) {
    const { world, self } = call;
    const power = powerOf(world.store, self.ref);
    if (power !== 'poweredOff') throw invalidPowerState('poweredOff', power);
    return openLease(call, self.ref, self.ref);
  },

  ExportSnapshot: (call) => openLease(call, call.self.ref, vmOfSnapshot(call.world.store, call.self.ref)),

  HttpNfcLeaseProgress({ world, self, args }) {
    const percent = asNumber(args['percent']) ?? -1;
    if (percent < 0 || percent > 100) throw invalidArgument('percent');
    if (!world.leases.keep(self.ref, percent)) throw over();
    return nothing;
  },

  HttpNfcLeaseComplete({ world, self }) {
    if (world.store.read(self.ref, 'state') !== 'ready') throw over();
    world.leases.end(self.ref, 'done');
    return nothing;
  },

  HttpNfcLeaseAbort({ world, self, args }) {
    const given = args['fault'];
    const fault = isData(given) && isData(given['fault']) ? new VimFault(given['fault']._type, 'aborted') : undefined;
    if (!world.leases.end(self.ref, 'error', fault)) throw over();
    return nothing;
  },
};

const over = (): VimFault =>
  new VimFault('InvalidState', 'The operation is not allowed in the current state of the lease.');

function openLease({ world, session }: HandlerCall, entity: Ref, vm: Ref): Answer {
  checkReachable(world, vm);
  return answer(world.leases.open(entity, vm, leasedDisks(world, entity), session.key));
}

function leasedDisks(world: World, entity: Ref): LeasedDisk[] {
  return asList(world.store.read(entity, 'config.hardware.device'))
    .filter(isData)
    .filter((device) => device._type === 'VirtualDisk' && !isPhysicalRdm(device))
    .flatMap((disk) => {
      const layer = world.disks.layerAt(fileOf(disk));
      return layer === undefined ? [] : [{ key: keyOfDevice(disk), layer, capacityBytes: layer.sizeBytes }];
    });
}
