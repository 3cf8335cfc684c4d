/** PatternFly's dark theme is a class on <html>; we follow what the system prefers, also when it changes. */
export function followSystemTheme(): void {
  const prefersDark = window.matchMedia('(prefers-color-scheme: dark)');
  const apply = (): void => {
    document.documentElement.classList.toggle('pf-v6-theme-dark', prefersDark.matches);
  };
  prefersDark.addEventListener('change', apply);
  apply();
}
