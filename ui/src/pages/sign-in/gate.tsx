import { Content, Title } from '@patternfly/react-core';
import type { ReactNode } from 'react';
import { Brand } from '../../parts/brand.tsx';
import { usePageTitle } from '../../parts/page.tsx';

/** The page before the console: one form, under our name. */
export function Gate({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  usePageTitle(title);
  return (
    <div className="w-gate">
      <main>
        <Brand />
        <Title headingLevel="h1" size="2xl">
          {title}
        </Title>
        <Content component="p">Moves virtual machines between hypervisors.</Content>
        {children}
      </main>
    </div>
  );
}
