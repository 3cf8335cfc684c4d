import {
  Alert,
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
} from '@patternfly/react-core';
import { BarsIcon } from '@patternfly/react-icons';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useContext, useEffect, useRef, useState } from 'react';
import { Link, useLocation } from 'react-router';
import { isSignedOut, remove } from './api/client.ts';
import { useLive } from './api/live.ts';
import type { StreamState } from './api/stream.ts';
import { clock } from './format.ts';
import { Brand } from './parts/brand.tsx';
import { SessionContext } from './parts/may.ts';
import { Problem } from './parts/problem.tsx';

const places = [
  { path: '/', name: 'Overview', holds: /^\/($|migrations\/)/ },
  { path: '/providers', name: 'Providers', holds: /^\/providers(\/|$)/ },
  { path: '/vms', name: 'Virtual machines', holds: /^\/vms(\/|$)/ },
  { path: '/workers', name: 'Workers', holds: /^\/workers$/ },
] as const;

/** From here on PatternFly shows the navigation beside the page and not over it. */
const wide = window.matchMedia('(min-width: 75rem)');

export function Shell({ children }: { readonly children: ReactNode }) {
  const { pathname } = useLocation();
  const live = useLive();
  const since = useBrokenSince(live);
  const [open, setOpen] = useState(wide.matches);
  useEffect(() => {
    const follow = (): void => setOpen(wide.matches);
    follow(); // the window may have changed since the first look
    wide.addEventListener('change', follow);
    return () => wide.removeEventListener('change', follow);
  }, []);
  useFocusOnMove(pathname);
  const masthead = (
    <Masthead>
      <MastheadMain>
        <MastheadToggle>
          <PageToggleButton aria-label="Navigation" isSidebarOpen={open} onSidebarToggle={() => setOpen(!open)}>
            <BarsIcon />
          </PageToggleButton>
        </MastheadToggle>
        <MastheadBrand>
          <MastheadLogo component={Home}>
            <Brand />
          </MastheadLogo>
        </MastheadBrand>
      </MastheadMain>
      <MastheadContent>
        <Account live={live} isBroken={since !== null} />
      </MastheadContent>
    </Masthead>
  );
  const sidebar = (
    <PageSidebar isSidebarOpen={open}>
      <PageSidebarBody>
        <Nav aria-label="Places" onSelect={() => setOpen(wide.matches)}>
          <NavList>
            {places.map((place) => (
              <NavItem key={place.path} isActive={place.holds.test(pathname)}>
                <Link to={place.path} {...(place.holds.test(pathname) ? { 'aria-current': 'page' as const } : {})}>
                  {place.name}
                </Link>
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
      {since !== null && (
        <div className="w-banner">
          <Alert
            isInline
            isLiveRegion
            variant="warning"
            component="p"
            title={`The server does not answer. This is how things were at ${clock(since)}; it goes on by itself.`}
          />
        </div>
      )}
      {children}
    </Page>
  );
}

function Home(props: Record<string, unknown>) {
  return <Link {...props} to="/" aria-label="Wherry, overview" />;
}

function Account({ live, isBroken }: { readonly live: StreamState; readonly isBroken: boolean }) {
  const session = useContext(SessionContext);
  const signOut = useMutation({
    mutationFn: () => remove('/session'),
    // From the beginning: nothing of what was shown stays in this page.
    onSuccess: () => window.location.assign('/'),
    onError: (error) => {
      if (isSignedOut(error)) window.location.assign('/');
    },
  });
  return (
    <div className="w-account">
      {signOut.isError && <Problem error={signOut.error} />}
      {live === 'live' && (
        <Label isCompact color="green">
          Live
        </Label>
      )}
      {isBroken && (
        <Label isCompact color="orange">
          Reconnecting
        </Label>
      )}
      <span className="w-user">{session?.name}</span>
      <Button variant="link" isInline isDisabled={signOut.isPending} onClick={() => signOut.mutate()}>
        Sign out
      </Button>
    </div>
  );
}

/** Since when what is shown may be old. A break that is over within a moment is nobody's concern. */
function useBrokenSince(live: StreamState): string | null {
  const [since, setSince] = useState<string | null>(null);
  useEffect(() => {
    if (live === 'connecting') return undefined;
    const at = new Date().toISOString();
    const timer = window.setTimeout(() => setSince(live === 'live' ? null : at), live === 'live' ? 0 : 1_500);
    return () => window.clearTimeout(timer);
  }, [live]);
  return since;
}

/** Who goes to another page by keyboard begins at its top, not in the navigation. */
function useFocusOnMove(pathname: string): void {
  const before = useRef(pathname);
  useEffect(() => {
    if (before.current === pathname) return;
    before.current = pathname;
    const main = document.getElementById('content');
    main?.scrollTo({ top: 0 });
    main?.focus({ preventScroll: true });
  }, [pathname]);
}
