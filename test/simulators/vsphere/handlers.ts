/** All methods that need a session. */
import { search } from './inventory/search.ts';
import { leaseMethods } from './lease/methods.ts';
import { followUpdates } from './property/follow.ts';
import { retrieveProperties } from './property/retrieve.ts';
import { views } from './property/views.ts';
import { sessionMethods } from './session/methods.ts';
import { lifecycle } from './vm/lifecycle.ts';
import { power } from './vm/power.ts';
import { reconfigure } from './vm/reconfigure.ts';
import { snapshots } from './vm/snapshot.ts';
import { tracking } from './vm/tracking.ts';
import { nothing, type Handler } from './world.ts';

export const handlers: Readonly<Record<string, Handler>> = {
  ...sessionMethods,
  ...retrieveProperties,
  ...followUpdates,
  ...views,
  ...search,
  ...power,
  ...reconfigure,
  ...lifecycle,
  ...snapshots,
  ...tracking,
  ...leaseMethods,
  CancelTask({ world, self }) {
    world.tasks.cancel(self.ref);
    return nothing;
  },
};
