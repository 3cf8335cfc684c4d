import {
  Brand,
  Button,
  Label,
  Masthead,
  MastheadBrand,
  MastheadContent,
  MastheadLogo,
  MastheadMain,
  MastheadToggle,
  Nav,
  NavItem,
  NavList,
  Page,
  PageSidebar,
  PageSidebarBody,
  PageToggleButton,
  SkipToContent,
  Toolbar,
  ToolbarContent,
  ToolbarGroup,
  ToolbarItem,
} from '@patternfly/react-core';
import { BarsIcon } from '@patternfly/react-icons';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { NavLink, useLocation } from 'react-router';
import { remove } from './api/client.ts';
import { useLive } from './api/live.ts';
import type { Session } from './api/types.ts';

const places = [
  { path: '/', name: 'Overview' },
  { path: '/workers', name: 'Workers' },
] as const;

export function Shell({ session, children }: { readonly session: Session; readonly children: ReactNode }) {
  const [open, setOpen] = useState(true);
  const { pathname } = useLocation();
  const live = useLive();
  const queries = useQueryClient();
  const signOut = async (): Promise<void> => {
    await remove('/session');
    queries.clear();
    await queries.invalidateQueries();
    window.location.assign('/');
  };
  const masthead = (
    <Masthead>
      <MastheadMain>
        <MastheadToggle>
          <PageToggleButton aria-label="Navigation" isSidebarOpen={open} onSidebarToggle={() => setOpen(!open)}>
            <BarsIcon />
          </PageToggleButton>
        </MastheadToggle>
        <MastheadBrand>
          <MastheadLogo component={(props) => <NavLink {...props} to="/" />}>
            <Brand src="/icon.svg" alt="Wherry" heights={{ default: '36px' }} />
          </MastheadLogo>
        </MastheadBrand>
      </MastheadMain>
      <MastheadContent>
        <Toolbar isStatic>
          <ToolbarContent>
            <ToolbarGroup align={{ default: 'alignEnd' }}>
              <ToolbarItem alignSelf="center">
                <Label color={live === 'live' ? 'green' : 'orange'}>
                  {live === 'live' ? 'Live' : 'Waiting for the server'}
                </Label>
              </ToolbarItem>
              <ToolbarItem alignSelf="center">{session.name}</ToolbarItem>
              <ToolbarItem>
                <Button variant="link" onClick={() => void signOut()}>
                  Sign out
                </Button>
              </ToolbarItem>
            </ToolbarGroup>
          </ToolbarContent>
        </Toolbar>
      </MastheadContent>
    </Masthead>
  );
  const sidebar = (
    <PageSidebar isSidebarOpen={open}>
      <PageSidebarBody>
        <Nav aria-label="Places">
          <NavList>
            {places.map((place) => (
              <NavItem key={place.path} isActive={pathname === place.path}>
                <NavLink to={place.path}>{place.name}</NavLink>
              </NavItem>
            ))}
          </NavList>
        </Nav>
      </PageSidebarBody>
    </PageSidebar>
  );
  return (
    <Page
      masthead={masthead}
      sidebar={sidebar}
      mainContainerId="content"
      skipToContent={<SkipToContent href="#content">Skip to content</SkipToContent>}
    >
      {children}
    </Page>
  );
}
