import fc from 'fast-check';
import { afterAll, beforeAll, it } from 'vitest';
import { checkConvolution, type ConvolutionShape } from '../../src/ops/convolution.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray } from '../support/random.js';
import { convolutionShapes } from './convolutionShapes.js';
import { awayFromKink, expectConvolution } from './convolutionCase.js';

let device: GPUDevice;
beforeAll(async () => { ({ device } = await testDevice()); });
afterAll(closeTestDevice);
it('prop', async () => {
  const times: [number, string][] = [];
  await fc.assert(fc.asyncProperty(convolutionShapes(), async ({ shape, mode, bias, family, seed }) => {
    const g = checkConvolution('t', shape);
    const fill = (bytes: number, s: number) => randomArray(bytes / 4, seed + s);
    const one = { shape, mode, input: fill(g.inputBytes, 1), filter: fill(g.filterBytes, 2), bias: bias ? randomArray(shape.outChannels, seed + 3) : undefined,
      adjust: mode === 'none' ? undefined : randomArray(mode === 'output' ? shape.outChannels : shape.inChannels, seed + 4), gradient: fill(g.outputBytes, 5) };
    const t = performance.now();
    await expectConvolution(device, { ...one, gradient: awayFromKink(one).gradient }, 'random', { family });
    times.push([performance.now() - t, JSON.stringify([shape, mode, family, g.multiplyAdds])]);
  }), { numRuns: Number(process.env.RUNS ?? 30), seed: 1 });
  times.sort((a, b) => b[0] - a[0]);
  process.stdout.write(JSON.stringify(process.cpuUsage())+`total ${times.reduce((s, [t]) => s + t, 0)}\n` + times.slice(0, 20).map(([t, s]) => `${t.toFixed(0)} ${s}`).join('\n') + '\n' + times.slice(-5).map(([t, s]) => `${t.toFixed(0)} ${s}`).join('\n')+'\n');
}, 600000);
