import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type * as core from '../../src/index.js';
import { imageNetNormalisation, pictureInput } from '../../src/io/picture.js';
import type * as io from '../../src/io.js';
import { networkByName } from '../../src/models/networkByName.js';
import type * as models from '../../src/models.js';
import { randomState } from '../graph/networks.js';
import { openPackagePage, type PackagePage } from '../support/packagePage.js';
import { weightsOf } from '../weights/files.js';

/** The package's modules, where the page's script leaves them. */
declare const modules: { readonly core: typeof core; readonly io: typeof io; readonly models: typeof models };

const script = [
  ...['core', 'io', 'models'].map(
    (name) => `import * as ${name} from './dist/${name === 'core' ? 'index' : name}.js';`,
  ),
  'globalThis.modules = { core, io, models };',
].join('\n');

const values = randomState(networkByName('resnet8', { classes: 3 }), 4);
let opened: PackagePage;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  opened = await openPackagePage(script, {
    'w.safetensors': weightsOf(networkByName('resnet8', { classes: 3 }), values, 'F16'),
  });
  ({ page, complaints } = opened);
});
afterAll(() => opened?.close());

describe('in a browser', () => {
  it.each(['URL', 'Blob', 'File'])('weights come from a %s, with progress, and can be saved', async (kind) => {
    const result = await page.evaluate(async (source) => {
      const { core, io, models } = modules;
      const device = await core.requestDevice((await navigator.gpu.requestAdapter())!);
      const state = core.createState(device, models.networkByName('resnet8', { classes: 3 }));
      const url = new URL('/w.safetensors', location.href);
      const blob = async (): Promise<Blob> => (await fetch(url)).blob();
      const file = source === 'URL' ? url : source === 'Blob' ? await blob() : new File([await blob()], 'w');
      const progress: number[] = [];
      const report = await io.loadWeights(state, file, {
        onProgress: ({ bytes, totalBytes }) => progress.push(bytes / totalBytes),
      });
      const read = await core.readState(state);
      const pieces: Uint8Array<ArrayBuffer>[] = [];
      for await (const piece of io.encodeWeights(state, { type: 'F16' })) pieces.push(piece);
      const saved = new Uint8Array(await new Blob(pieces).arrayBuffer());
      const original = new Uint8Array(await (await blob()).arrayBuffer());
      state.dispose();
      device.destroy();
      return {
        loaded: report.loaded.length,
        progress,
        bias: [...read.get('fc.bias')!],
        sameFile: saved.length === original.length && saved.every((byte, index) => byte === original[index]),
      };
    }, kind);
    expect(result.loaded).toBe(values.size);
    expect(result.progress.at(-1)).toBe(1);
    expect(result.progress.toSorted((a, b) => a - b)).toEqual(result.progress);
    for (const [index, value] of result.bias.entries()) {
      expect(Math.abs(value - values.get('fc.bias')![index]!)).toBeLessThan(2 ** -11);
    }
    expect(result.sameFile).toBe(true);
    expect(complaints).toEqual([]);
  });

  it('the pixels of a canvas become the input that they become in Node', async () => {
    const pixels = await page.evaluate(async () => {
      const { io } = modules;
      const context = new OffscreenCanvas(61, 47).getContext('2d')!;
      const gradient = context.createLinearGradient(0, 0, 61, 47);
      gradient.addColorStop(0, 'teal');
      gradient.addColorStop(1, 'orange');
      context.fillStyle = gradient;
      context.fillRect(0, 0, 61, 47);
      const data = context.getImageData(0, 0, 61, 47);
      const input = io.pictureInput(data, { resize: 36, crop: { height: 32, width: 32 } }, io.imageNetNormalisation);
      return { data: [...data.data], input: [...input] };
    });
    const picture = { width: 61, height: 47, data: Uint8Array.from(pixels.data) };
    const input = pictureInput(picture, { resize: 36, crop: { height: 32, width: 32 } }, imageNetNormalisation);
    expect(new Set(pixels.data).size).toBeGreaterThan(100);
    expect(pixels.input).toEqual([...input]);
  });
});
