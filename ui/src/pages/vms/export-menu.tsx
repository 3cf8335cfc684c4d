import { Dropdown, DropdownItem, DropdownList, MenuToggle } from '@patternfly/react-core';
import { useState } from 'react';
import { paramsOf, type VmQuery } from './query.ts';

/** All that the filter finds, as a file; the server writes it while it reads. */
export function ExportMenu({ query }: { readonly query: VmQuery }) {
  const [open, setOpen] = useState(false);
  const to = (format: 'csv' | 'json'): string => {
    const params = paramsOf(query);
    params.set('format', format);
    return `/api/v1/inventory/vms/export?${params.toString()}`;
  };
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      onSelect={() => setOpen(false)}
      popperProps={{ position: 'right' }}
      toggle={(ref) => (
        <MenuToggle ref={ref} isExpanded={open} onClick={() => setOpen(!open)}>
          Export
        </MenuToggle>
      )}
    >
      <DropdownList>
        <DropdownItem to={to('csv')} download="vms.csv">
          CSV
        </DropdownItem>
        <DropdownItem to={to('json')} download="vms.json">
          JSON
        </DropdownItem>
      </DropdownList>
    </Dropdown>
  );
}
