/**
 * What can be checked of a page without somebody who cannot see it: everything that acts has a name, headings are in
 * order, ids are unique, texts stand out from their background (WCAG 2.2 AA: 4.5 to 1, 3 to 1 where they are big).
 */
import type { Page } from 'playwright-core';

/** Each fault as a line; none is what is wanted. */
export async function faultsOf(page: Page): Promise<string[]> {
  // Text, because it runs in the page: our own functions are not there.
  const found: unknown = await page.evaluate(script);
  return Array.isArray(found) ? found.map(String) : ['the check did not run'];
}

const script = `(async () => {
  const faults = [];
  // Colours that fade are looked at when they have; what turns for ever cannot end, and need not.
  const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
  await frame();
  await frame();
  for (const animation of document.getAnimations()) {
    try {
      animation.finish();
    } catch {}
  }
  await frame();
  const shown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const said = (element) => {
    const labels = (element.getAttribute('aria-labelledby') ?? '').split(' ').map((id) => document.getElementById(id)?.textContent ?? '');
    const own = [element.getAttribute('aria-label') ?? '', ...labels, ...[...(element.labels ?? [])].map((label) => label.textContent)];
    const inner = element.textContent + [...element.querySelectorAll('img')].map((image) => image.alt).join('');
    return (own.join('') + inner).trim();
  };
  const where = (element) => element.outerHTML.slice(0, 120);
  for (const element of document.querySelectorAll('a[href], button, input, select, textarea, [role=progressbar], [role=region], table, nav')) {
    if (shown(element) && said(element) === '') faults.push('no name: ' + where(element));
  }
  for (const image of document.querySelectorAll('img')) if (!image.hasAttribute('alt')) faults.push('no alt: ' + where(image));
  for (const icon of document.querySelectorAll('svg')) {
    if (icon.closest('[aria-hidden=true]') === null && !icon.hasAttribute('aria-label') && icon.getAttribute('role') !== 'img') faults.push('an icon that is read out: ' + where(icon));
  }
  let level = 0;
  const headings = [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].filter(shown);
  if (headings.filter(({ tagName }) => tagName === 'H1').length !== 1) faults.push('not one h1');
  for (const heading of headings) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) faults.push('h' + level + ' is followed by: ' + where(heading));
    level = next;
  }
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) faults.push('twice: #' + id);
  for (const element of document.querySelectorAll('[aria-labelledby], [aria-describedby], [aria-controls]')) {
    for (const name of ['aria-labelledby', 'aria-describedby']) {
      for (const id of (element.getAttribute(name) ?? '').split(' ')) if (id !== '' && document.getElementById(id) === null) faults.push(name + ' leads nowhere: ' + where(element));
    }
  }
  if (document.querySelectorAll('main').length !== 1) faults.push('not one main');
  if (document.documentElement.lang === '' || document.title === '') faults.push('no language or title');

  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((part, index) => (part * a + below[index] * (255 - a)) / 255);
  const backgroundOf = (element) => {
    const layers = [];
    for (let at = element; at !== null; at = at.parentElement) {
      const behind = getComputedStyle(at, '::before'); // PatternFly fills labels, buttons and alerts with one
      const fills = behind.content !== 'none' && behind.position === 'absolute' && parseFloat(behind.width) > at.clientWidth - 4;
      if (fills) layers.push(rgba(behind.backgroundColor));
      layers.push(rgba(getComputedStyle(at).backgroundColor));
    }
    return layers.reduceRight((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const light = (parts) => {
    const [r, g, b] = parts.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (text === '' || element === null || !shown(element) || element.closest('script, style, :disabled, [aria-disabled=true], .pf-v6-u-screen-reader') !== null) continue;
    if (element.getBoundingClientRect().width < 2) continue;
    const style = getComputedStyle(element);
    const below = backgroundOf(element);
    const [a, b] = [light(over(rgba(style.color), below)), light(below)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const big = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (big ? 3 : 4.5)) faults.push('contrast ' + ratio.toFixed(1) + ': ' + text.slice(0, 40) + ' in ' + where(element));
  }
  if (document.documentElement.scrollWidth > innerWidth) faults.push('the page is wider than the window');
  return faults;
})()`;
