import { Button, ExpandableSection, Label } from '@patternfly/react-core';
import { CheckCircleIcon, ExclamationCircleIcon, InfoCircleIcon } from '@patternfly/react-icons';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useState } from 'react';
import type { ProviderCheck } from '../api/types.ts';

/** The rows of a check, in the order in which things were tried, and the role that the account needs. */
export function CheckRows({ check }: { readonly check: ProviderCheck }) {
  return (
    <div className="w-stack">
      <Table aria-label="What was checked" variant="compact">
        <Thead>
          <Tr>
            <Th width={20}>Checked</Th>
            <Th modifier="fitContent">Result</Th>
            <Th>Found</Th>
          </Tr>
        </Thead>
        <Tbody>
          {check.rows.map((row, at) => (
            <Tr key={`${at} ${row.what}`}>
              <Td dataLabel="Checked">{sentence(row.what)}</Td>
              <Td dataLabel="Result">
                <Result ok={row.ok} needed={!check.ok} />
              </Td>
              <Td dataLabel="Found" modifier="breakWord">
                {row.detail}
                {row.fix !== '' && (
                  <div>
                    <strong>What to do:</strong> {row.fix}
                  </div>
                )}
              </Td>
            </Tr>
          ))}
        </Tbody>
      </Table>
      {check.role !== '' && <Role text={check.role} />}
    </div>
  );
}

/** Of a check that is well as a whole, what is missing is not needed. */
function Result({ ok, needed }: { readonly ok: boolean; readonly needed: boolean }) {
  if (ok) {
    return (
      <Label isCompact variant="outline" status="success" icon={<CheckCircleIcon />}>
        OK
      </Label>
    );
  }
  if (!needed) {
    return (
      <Label isCompact variant="outline" status="info" icon={<InfoCircleIcon />}>
        Missing
      </Label>
    );
  }
  return (
    <Label isCompact variant="outline" status="danger" icon={<ExclamationCircleIcon />}>
      Failed
    </Label>
  );
}

function Role({ text }: { readonly text: string }) {
  const [open, setOpen] = useState(false);
  const [copied, setCopied] = useState(false);
  // Browsers have a clipboard only on pages that came over TLS or from this machine; the text can be marked anyway.
  const mayCopy = window.isSecureContext;
  return (
    <ExpandableSection
      toggleText="The role with the least privileges, ready to paste"
      isExpanded={open}
      onToggle={(_event, next) => setOpen(next)}
    >
      {mayCopy && (
        <Button
          variant="secondary"
          size="sm"
          onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
        >
          {copied ? 'Copied' : 'Copy the role'}
        </Button>
      )}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard */}
      <pre className="w-lines" tabIndex={0} role="region" aria-label="Role with the least privileges">
        {text}
      </pre>
    </ExpandableSection>
  );
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
