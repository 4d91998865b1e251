import { byId } from './dom.js';

const schemes = ['system', 'light', 'dark'] as const;
type Scheme = (typeof schemes)[number];

const names: Record<Scheme, string> = { system: 'as the system', light: 'light', dark: 'dark' };
const storageKey = 'ic-networks colours';

/** The button that goes through the colour schemes; charts that draw their own colours listen for `themechange`. */
export function setUpTheme(): void {
  const button = byId('theme');
  let scheme = (localStorage.getItem(storageKey) as Scheme | null) ?? 'system';
  const apply = (): void => {
    document.documentElement.style.colorScheme = scheme === 'system' ? '' : scheme;
    button.setAttribute('aria-label', `Colours: ${names[scheme]}`);
    button.title = `Colours: ${names[scheme]}`;
    dispatchEvent(new Event('themechange'));
  };
  button.addEventListener('click', () => {
    scheme = schemes[(schemes.indexOf(scheme) + 1) % schemes.length]!;
    localStorage.setItem(storageKey, scheme);
    apply();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', apply);
  apply();
}
