import type { InventoryVm } from '../../api/types.ts';
import { Section } from './section.tsx';

export function Devices({ devices }: { readonly devices: InventoryVm['devices'] }) {
  return (
    <Section
      title="Controllers and other devices"
      items={devices.map((device, at) => ({ ...device, at }))}
      keyOf={({ at }) => String(at)}
      none="None is known."
      columns={[
        { title: 'Device', show: ({ name, type }) => name || type },
        { title: 'Kind', show: ({ kind }) => kind },
        { title: 'Type', show: ({ type }) => type || '–' },
        { title: 'Detail', show: ({ detail }) => detail || '–' },
      ]}
    />
  );
}

/** What one type of source alone knows, under the names that filters have for it. */
export function OtherFacts({ facts }: { readonly facts: InventoryVm['facts'] }) {
  return (
    <Section
      title="Facts of its source"
      items={Object.entries(facts).toSorted(([a], [b]) => a.localeCompare(b))}
      keyOf={([name]) => name}
      none="There are none."
      columns={[
        { title: 'Fact', show: ([name]) => <code className="w-mono">facts.{name}</code> },
        { title: 'Value', show: ([, value]) => said(value) },
      ]}
    />
  );
}

function said(value: string | number | boolean | null): string {
  if (value === null || value === '') return '–';
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value);
}
