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
  const lacking = [
    ...(adapter.features.has('subgroups') ? [] : ['subgroups: kernels without them are used, which are slower']),
    ...(adapter.features.has('shader-f16') ? [] : ['float16: everything is computed in float32']),
    ...(adapter.features.has('timestamp-query') ? [] : ['timestamps: times are taken by the clock']),
  ];
  place.textContent = software ? `${capital(name)}, on the processor` : capital(name);
  const advice = software
    ? 'No GPU is used: turn on hardware acceleration in the browser’s settings for more speed. '
    : '';
  place.title = advice + (lacking.length > 0 ? `It lacks ${lacking.join('; ')}.` : 'It has all that the kernels use.');
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
