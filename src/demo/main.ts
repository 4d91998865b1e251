import { call } from './engine.js';
import { setUpAdapter } from './page/adapter.js';
import { setUpDrop } from './page/drop.js';
import { setUpTabs } from './page/tabs.js';
import { setUpTheme } from './page/theme.js';
import { showError } from './page/trouble.js';

/** A part that is made when it is first shown, and told each time it is shown. */
interface Part {
  show(): void;
}

const makers: Readonly<Record<string, (section: HTMLElement) => Promise<Part>>> = {
  teach: async (section) => (await import('./page/teach.js')).setUpTeach(section),
  train: async (section) => (await import('./page/train.js')).setUpTrain(section),
  try: async (section) => (await import('./page/try.js')).setUpTry(section),
  see: async (section) => (await import('./page/see.js')).setUpSee(section),
  bench: async (section) => (await import('./page/bench.js')).setUpBench(section),
};
const parts = new Map<string, Promise<Part>>();

setUpTheme();
setUpDrop();
setUpTabs(showPart);
setUpAdapter().catch(showError);

// A handle for tests: what happens to a GPU in the wild cannot be brought about from outside.
if (new URLSearchParams(location.search).has('test-hooks')) {
  Object.assign(globalThis, { demoHooks: { destroyDevice: () => call('destroyDevice') } });
}

if (import.meta.env.PROD && 'serviceWorker' in navigator) {
  navigator.serviceWorker.register('./sw.js').catch(() => {
    // The page works without; it is not to be had offline then.
  });
}

function showPart(name: string): void {
  const make = makers[name];
  if (!make) return;
  const part = parts.get(name) ?? make(document.getElementById(name)!);
  parts.set(name, part);
  part.then(({ show }) => show()).catch(showError);
}
