/** What watches one provider is wired with that one alone: the others' code would be loaded for nothing. */
import type { Providers } from './providers/provider.ts';

export const connectOne: Providers['connect'] = async (options, signal) => {
  switch (options.account.type) {
    case 'vsphere': {
      const { connectVsphere } = await import('./providers/vsphere/connection.ts');
      return connectVsphere(options, signal);
    }
    case 'libvirt': {
      const { connectLibvirt } = await import('./providers/libvirt/connection.ts');
      return connectLibvirt(options, signal);
    }
    case 'ova': {
      const { createProviders } = await import('./wiring.ts');
      return createProviders().connect(options, signal);
    }
    default:
      return options.account satisfies never;
  }
};
