import { byId } from './dom.js';
import { showTrouble } from './trouble.js';

/** Says which GPU the page has, and what to do where it has none. */
export async function setUpAdapter(): Promise<void> {
  const place = byId('adapter');
  if (!navigator.gpu) {
    place.textContent = 'No WebGPU';
    showTrouble({ name: 'UnsupportedError', message: 'navigator.gpu', parameter: 'navigator.gpu' });
    return;
  }
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    place.textContent = 'No GPU';
    showTrouble({ name: 'DeviceLostError', message: 'requestAdapter', operation: 'openDevice', parameter: 'adapter' });
    return;
  }
  const { vendor, architecture, device, description } = adapter.info;
  const name = description || [vendor, device || architecture].filter(Boolean).join(' ') || 'A GPU';
  const software = adapter.info.isFallbackAdapter || /swiftshader|llvmpipe/i.test(name);
  place.textContent = software ? `${capital(name)}, on the processor` : capital(name);
  byId('half').hidden = !adapter.features.has('shader-f16');
  const remarks = remarksOn(adapter, software);
  const lacking = byId('lacking');
  lacking.textContent = remarks.join(' ');
  lacking.hidden = remarks.length === 0;
}

/** What this adapter does without, in plain words. */
export function remarksOn({ features }: { readonly features: ReadonlySet<string> }, software: boolean): string[] {
  return [
    ...(software
      ? [
          'The processor does the GPU’s work here: hardware acceleration, in the browser’s settings, is many times faster.',
        ]
      : []),
    ...(features.has('subgroups')
      ? []
      : ['This GPU has no subgroups, so slower kernels are used; a newer browser or driver may bring them.']),
    ...(features.has('shader-f16') ? [] : ['It has no float16, so training is in float32 alone.']),
    ...(features.has('timestamp-query') ? [] : ['It has no timestamps, so times are taken by the clock.']),
  ];
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
