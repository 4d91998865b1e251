import { EngineError } from '../engine.js';
import type { Trouble } from '../protocol.js';
import { byId, create } from './dom.js';

interface Advice {
  readonly title: string;
  readonly steps: readonly string[];
}

const noWebGpu: Advice = {
  title: 'This browser has no WebGPU, which everything here runs on.',
  steps: [
    'Open the page in a current Chrome or Edge, in Safari 26, or in Firefox 141 on Windows.',
    'On Linux, Chrome wants chrome://flags/#enable-unsafe-webgpu and #enable-vulkan switched on.',
    'The page has to come from https or from localhost.',
  ],
};

const noAdapter: Advice = {
  title: 'The browser has WebGPU, but gives this page no GPU.',
  steps: [
    'Turn on hardware acceleration in the browser’s settings and restart it.',
    'Update the graphics driver; chrome://gpu says what the browser holds against it.',
    'After several crashes a browser keeps GPUs from pages until it is restarted.',
  ],
};

const deviceLost: Advice = {
  title: 'The GPU was taken away.',
  steps: ['Try again; reload the page where that does not help, and then restart the browser.'],
};

const outOfMemory: Advice = {
  title: 'The GPU has not enough memory for this.',
  steps: ['Choose a smaller batch, width or network, or close other pages that use the GPU.'],
};

const notFinite: Advice = {
  title: 'The loss is no longer a number.',
  steps: ['Choose a lower learning rate and start again.'],
};

const badFile: Advice = {
  title: 'These files cannot be used.',
  steps: [],
};

const unexpected: Advice = {
  title: 'Something went wrong.',
  steps: ['Try again; reload the page where that does not help.'],
};

/** What is wrong, in plain words, and what to do. */
export function adviceFor({ name, message, operation, parameter }: Trouble): Advice {
  switch (name) {
    case 'UnsupportedError':
      return parameter === 'navigator.gpu' ? noWebGpu : unexpected;
    case 'DeviceLostError':
      return operation === 'openDevice' && parameter === 'adapter' ? noAdapter : deviceLost;
    case 'LimitError':
      return outOfMemory;
    case 'NumericError':
      return notFinite;
    case 'FormatError':
    case 'ShapeError':
      return badFile;
    // What the page itself has to say.
    case 'Error':
      return { title: message, steps: [] };
    default:
      return unexpected;
  }
}

/** What an error says, without the name of the function that says it. */
function messageOf({ message, operation }: Trouble): string {
  return operation !== undefined && message.startsWith(`${operation}: `)
    ? message.slice(operation.length + 2)
    : message;
}

/** Says in plain words what is wrong and what to do, with the error itself below. */
export function showTrouble(trouble: Trouble): void {
  const { title, steps } = adviceFor(trouble);
  const said = messageOf(trouble);
  const place = byId('trouble');
  const close = create('button', { type: 'button', className: 'quiet', textContent: 'Close' });
  close.addEventListener('click', hideTrouble);
  place.replaceChildren(
    create('b', {}, title),
    ...(steps.length > 0 ? [create('ul', {}, ...steps.map((step) => create('li', {}, step)))] : []),
    ...(title === said ? [] : [create('p', { className: 'small' }, create('code', {}, said))]),
    create('p', {}, close),
  );
  place.hidden = false;
}

/** Shows an error that was caught; one that the visitor brought about by stopping is none. */
export function showError(error: unknown): void {
  if (error instanceof EngineError) {
    if (error.name !== 'AbortError') showTrouble(error.trouble);
  } else {
    showTrouble({ name: 'Error', message: error instanceof Error ? error.message : `${error}` });
  }
}

export function hideTrouble(): void {
  const place = byId('trouble');
  place.hidden = true;
  place.replaceChildren();
}
