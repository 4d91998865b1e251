// Server-side rendering: every subpath is imported where nothing of a page may be touched, be it there or not.
for (const name of ['navigator', 'window', 'document', 'self', 'GPUBufferUsage', 'GPUTextureUsage', 'GPUMapMode']) {
  Object.defineProperty(globalThis, name, {
    configurable: true,
    get() {
      throw new Error(`importing looks at ${name}`);
    },
  });
}
const subpaths = ['', '/io', '/kernels', '/layers', '/models', '/onnx', '/train', '/tune', '/node'];
const before = Object.getOwnPropertyNames(globalThis).length;
const modules = await Promise.all(subpaths.map((subpath) => import(`ic-networks${subpath}`)));
if (Object.getOwnPropertyNames(globalThis).length !== before) throw new Error('importing adds to the global scope');
process.stdout.write(JSON.stringify(modules.map((module) => Object.keys(module).length > 1)));
