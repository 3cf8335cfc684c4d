import {
  Alert,
  Card,
  CardBody,
  CardHeader,
  CardTitle,
  Content,
  DescriptionList,
  DescriptionListDescription,
  DescriptionListGroup,
  DescriptionListTerm,
  Grid,
  GridItem,
  Stack,
  StackItem,
} from '@patternfly/react-core';
import type { VmMigrationView } from '../../api/types.ts';
import { bytes } from '../../format.ts';
import { ErrorText } from '../../parts/problem.tsx';
import { StateLabel } from '../../parts/state-label.tsx';
import { CancelButton } from './cancel.tsx';
import { Disks } from './disks.tsx';
import { Log } from './log.tsx';
import { Steps } from './steps.tsx';

export function VmCard({ vm }: { readonly vm: VmMigrationView }) {
  const state = vm.cancelation === 'none' || vm.cancelation === 'canceled' ? vm.state : 'canceling';
  const actions = (
    <>
      <StateLabel state={state} />
      {vm.cancelable && <CancelButton path={`/vm-migrations/${vm.id}/cancel`} what={`VM ${vm.vmName}`} />}
    </>
  );
  return (
    <Card>
      <CardHeader actions={{ actions, hasNoOffset: true }}>
        <CardTitle component="h2">{vm.vmName}</CardTitle>
      </CardHeader>
      <CardBody>
        <Stack hasGutter>
          {vm.error !== null && (
            <StackItem>
              <ErrorText error={vm.error} />
            </StackItem>
          )}
          {vm.undoError !== null && (
            <StackItem>
              <ErrorText title="Undoing ran into this" error={vm.undoError} />
            </StackItem>
          )}
          {vm.waitReason !== null && (
            <StackItem>
              <Alert isInline variant="info" component="h3" title={`Waiting: ${vm.waitReason.text}`} />
            </StackItem>
          )}
          <StackItem>
            <Facts vm={vm} />
          </StackItem>
          <StackItem>
            <Grid hasGutter>
              <GridItem lg={4}>
                <Steps steps={vm.steps} />
              </GridItem>
              <GridItem lg={8}>
                <Disks disks={vm.disks} />
              </GridItem>
            </Grid>
          </StackItem>
          {vm.leftBehind.length > 0 && (
            <StackItem>
              <Alert isInline variant="warning" component="h3" title="Left behind">
                <Content component="p">
                  These could not be removed: {vm.leftBehind.map((row) => row.kind).join(', ')}.
                </Content>
              </Alert>
            </StackItem>
          )}
          <StackItem>
            <Log vmMigrationId={vm.id} />
          </StackItem>
        </Stack>
      </CardBody>
    </Card>
  );
}

function Facts({ vm }: { readonly vm: VmMigrationView }) {
  const { source, target } = vm.spec;
  const facts: readonly (readonly [string, string])[] = [
    ['From', source.type === 'ova' ? source.path : source.paths.join(', ')],
    ['To', target.type === 'libvirt' ? `${target.uri}, pool ${target.pool}` : target.directory],
    ['Name at the target', vm.targetName],
    ...(vm.vm === null
      ? []
      : ([
          ['Hardware', `${vm.vm.cpus} CPU, ${bytes(vm.vm.memoryBytes)}, ${vm.vm.firmware.type.toUpperCase()}`],
          [
            'Network',
            vm.vm.nics.map((nic) => `${nic.network}${nic.mac === null ? '' : ` (${nic.mac})`}`).join(', ') || 'none',
          ],
        ] as const)),
  ];
  return (
    <DescriptionList isHorizontal isCompact>
      {facts.map(([term, description]) => (
        <DescriptionListGroup key={term}>
          <DescriptionListTerm>{term}</DescriptionListTerm>
          <DescriptionListDescription>{description}</DescriptionListDescription>
        </DescriptionListGroup>
      ))}
    </DescriptionList>
  );
}
