import { readFileSync } from 'node:fs';
import { type Golden, readGolden } from './read.js';

export { hwioToOihw, nchwToNhwc, nhwcToNchw, oihwToHwio } from '../support/layout.js';
export { uniform } from '../support/random.js';
export { type Golden, type GoldenTensor, goldenBatch, goldenParameters } from './read.js';

/** Reads NAME.safetensors beside this file. */
export function loadGolden(name: string): Golden {
  return readGolden(name, new Uint8Array(readFileSync(new URL(`./${name}.safetensors`, import.meta.url))));
}
