import type { Draft } from '../draft.ts';
import { Text } from './text.tsx';

export function NameStep({ draft, change }: { readonly draft: Draft; readonly change: (draft: Draft) => void }) {
  return (
    <div className="w-form">
      <Text
        id="name"
        label="Name"
        value={draft.name}
        onChange={(name) => change({ ...draft, name })}
        isRequired
        help="As it is called here, in lists and in filters: provider = NAME."
      />
    </div>
  );
}
