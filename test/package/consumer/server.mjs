// Server-side rendering: every browser-safe subpath is imported where there is neither navigator nor document.
delete globalThis.navigator;
const subpaths = ['', '/io', '/kernels', '/models', '/onnx', '/train', '/tune'];
const modules = await Promise.all(subpaths.map((subpath) => import(`ic-networks${subpath}`)));
if ('GPUBufferUsage' in globalThis) throw new Error('importing has put WebGPU into the global scope');
process.stdout.write(JSON.stringify(modules.map((module) => Object.keys(module).length > 1)));
