import { compileInference, createState, readState, requestDevice, writeState } from '../../src/index.js';
import { initialParameters } from '../../src/models.js';
import { tinyNetwork } from './tinyNetwork.js';

const device = await requestDevice((await navigator.gpu.requestAdapter())!);
const state = createState(device, tinyNetwork);
writeState(state, initialParameters(tinyNetwork, 1));
const network = await compileInference(state, { batch: 1 });

const canvas = document.createElement('canvas');
[canvas.width, canvas.height] = [300, 270];
const context = canvas.getContext('2d')!;
const gradient = context.createLinearGradient(0, 0, 300, 270);
gradient.addColorStop(0, 'teal');
gradient.addColorStop(1, 'orange');
context.fillStyle = gradient;
context.fillRect(0, 0, 300, 270);

/** What blocks that run in a page take for granted, by the names they use. */
export function given() {
  const fileInput = document.querySelector('input') as HTMLInputElement & { readonly files: FileList };
  return { state, network, canvas, fileInput };
}

/** What the blocks have left in the state. */
export const stateNow = () => readState(state);
