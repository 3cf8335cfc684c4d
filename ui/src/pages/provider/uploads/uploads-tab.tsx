import { Alert, Button, Content, Title } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get } from '../../../api/client.ts';
import { keys } from '../../../api/keys.ts';
import type { ProviderView, UploadView } from '../../../api/types.ts';
import { bytes, bytesOf, time } from '../../../format.ts';
import { useMayOperate } from '../../../parts/may.ts';
import { Loaded } from '../../../parts/page.tsx';
import { Problem } from '../../../parts/problem.tsx';
import { addressOf } from '../../../parts/provider.tsx';
import { DropZone } from './drop-zone.tsx';
import { SendingList } from './sending-list.tsx';
import { giveUp, useSending } from './use-sending.ts';

/** Files into a store that is a directory, and what became of earlier ones. */
export function UploadsTab({ provider }: { readonly provider: ProviderView }) {
  const { id, account } = provider;
  const mayOperate = useMayOperate();
  const sending = useSending(id);
  const uploads = useQuery({
    queryKey: keys.inProvider(id, 'uploads'),
    queryFn: () => get<{ readonly items: readonly UploadView[] }>(`/providers/${id}/uploads`),
  });
  if (!addressOf(account).startsWith('/')) {
    return (
      <Content component="p">Files can be uploaded into a directory; this store is read from a web server.</Content>
    );
  }
  return (
    <div className="w-stack">
      {mayOperate && <DropZone send={sending.send} />}
      <SendingList files={sending.files} cancel={sending.cancel} />
      <Loaded query={uploads}>
        {({ items }) => {
          const here = new Set(sending.files.map(({ path }) => path));
          return (
            <Earlier providerId={id} uploads={items.filter(({ name }) => !here.has(name))} mayCancel={mayOperate} />
          );
        }}
      </Loaded>
    </div>
  );
}

const words = { open: 'not finished', finished: 'uploaded', canceled: 'canceled' } as const;

function Earlier(props: {
  readonly providerId: string;
  readonly uploads: readonly UploadView[];
  readonly mayCancel: boolean;
}) {
  const { providerId, uploads, mayCancel } = props;
  const queries = useQueryClient();
  const cancel = useMutation({
    mutationFn: giveUp,
    onSettled: () => queries.invalidateQueries({ queryKey: keys.inProvider(providerId, 'uploads') }),
  });
  if (uploads.length === 0) return null;
  return (
    <section aria-labelledby="earlier" className="w-stack">
      <Title headingLevel="h2" size="lg" id="earlier">
        Earlier uploads
      </Title>
      {uploads.some(({ state }) => state === 'open') && (
        <Alert
          isInline
          variant="info"
          component="p"
          title="What is not finished goes on when the same file is chosen again, in the same browser."
        />
      )}
      {cancel.isError && <Problem error={cancel.error} />}
      <Table aria-labelledby="earlier" variant="compact">
        <Thead>
          <Tr>
            <Th width={40}>File</Th>
            <Th>State</Th>
            <Th>Size</Th>
            <Th>By</Th>
            <Th>Begun</Th>
            <Th screenReaderText="Actions" />
          </Tr>
        </Thead>
        <Tbody>
          {uploads.map((upload) => (
            <Tr key={upload.id}>
              <Td dataLabel="File" modifier="breakWord">
                {upload.name}
              </Td>
              <Td dataLabel="State">{words[upload.state]}</Td>
              <Td dataLabel="Size">
                {upload.state === 'open' ? bytesOf(upload.doneBytes, upload.sizeBytes) : bytes(upload.sizeBytes)}
              </Td>
              <Td dataLabel="By">{upload.createdBy}</Td>
              <Td dataLabel="Begun">{time(upload.createdAt)}</Td>
              <Td dataLabel="Actions">
                {mayCancel && upload.state === 'open' && (
                  <Button
                    variant="secondary"
                    size="sm"
                    isDanger
                    aria-label={`Cancel ${upload.name}`}
                    isDisabled={cancel.isPending}
                    onClick={() => cancel.mutate(upload.id)}
                  >
                    Cancel
                  </Button>
                )}
              </Td>
            </Tr>
          ))}
        </Tbody>
      </Table>
    </section>
  );
}
