/**
 * Gives Node a `navigator.gpu` as browsers have it, whose only adapter gives out this device: libraries that open a device of
 * their own then run on the bench's.
 */
export function lendDevice(device: GPUDevice): void {
  const { limits, features, adapterInfo: info } = device;
  const adapter = { limits, features, info, requestDevice: async () => device };
  const given: object = globalThis.navigator ?? {};
  const lent = { gpu: { requestAdapter: async () => adapter }, userAgent: 'Node.js' };
  const navigator = Object.assign(Object.create(given) as object, lent);
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
}
