import page from '../export/page.html?raw';
import script from '../export/recognise.mjs?raw';
import type { NamedFile } from '../protocol.js';

/** Programs with the weights in them, which need the package and nothing else. */
export function programOf(kind: 'page' | 'script', weights: Uint8Array): NamedFile {
  const [name, text] = kind === 'page' ? ['taught.html', page] : ['taught.mjs', script];
  return { name: name!, bytes: new TextEncoder().encode(text!.replace('WEIGHTS', base64(weights))) };
}

function base64(bytes: Uint8Array): string {
  let text = '';
  // Fewer at a time than arguments a call may have.
  for (let start = 0; start < bytes.length; start += 8192) {
    text += String.fromCharCode(...bytes.subarray(start, start + 8192));
  }
  return btoa(text);
}
