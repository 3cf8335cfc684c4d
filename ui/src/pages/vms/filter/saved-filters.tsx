import { Button, Dropdown, DropdownGroup, DropdownItem, DropdownList, MenuToggle } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { get } from '../../../api/client.ts';
import { keys } from '../../../api/keys.ts';
import type { SavedFilter } from '../../../api/types.ts';
import { ManageFilters, SaveFilterForm } from './saved-filter-dialogs.tsx';

/** Filters that were saved: one's own, and those that others share. */
export function SavedFilters({ filter, apply }: { readonly filter: string; readonly apply: (filter: string) => void }) {
  const [open, setOpen] = useState(false);
  const [dialog, setDialog] = useState<'save' | 'manage' | null>(null);
  const saved = useQuery({
    queryKey: keys.savedFilters,
    queryFn: () => get<{ readonly items: readonly SavedFilter[] }>('/inventory/filters'),
  });
  const items = saved.data?.items ?? [];
  const own = items.filter((item) => item.own);
  const shared = items.filter((item) => !item.own);
  const group = (label: string, of: readonly SavedFilter[]) =>
    of.length > 0 && (
      <DropdownGroup label={label} labelHeadingLevel="h2">
        <DropdownList>
          {of.map((item) => (
            <DropdownItem key={item.id} description={item.filter} onClick={() => apply(item.filter)}>
              {item.name}
              {!item.own && ` (${item.owner})`}
            </DropdownItem>
          ))}
        </DropdownList>
      </DropdownGroup>
    );
  return (
    <>
      <Dropdown
        isOpen={open}
        isScrollable
        onOpenChange={setOpen}
        onSelect={() => setOpen(false)}
        popperProps={{ position: 'right', maxWidth: '30rem' }}
        toggle={(ref) => (
          <MenuToggle ref={ref} isExpanded={open} onClick={() => setOpen(!open)}>
            Saved filters
          </MenuToggle>
        )}
      >
        {group('Own', own)}
        {group('Shared by others', shared)}
        <DropdownList>
          <DropdownItem isDisabled={filter === ''} onClick={() => setDialog('save')}>
            Save this filter …
          </DropdownItem>
          <DropdownItem isDisabled={own.length === 0} onClick={() => setDialog('manage')}>
            Remove own filters …
          </DropdownItem>
        </DropdownList>
      </Dropdown>
      {dialog === 'save' && <SaveFilterForm filter={filter} close={() => setDialog(null)} />}
      {dialog === 'manage' && (
        <ManageFilters filters={own} close={() => setDialog(null)}>
          <Button onClick={() => setDialog(null)}>Done</Button>
        </ManageFilters>
      )}
    </>
  );
}
