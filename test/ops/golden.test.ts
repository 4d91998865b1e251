import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadGolden, nchwToNhwc, oihwToHwio } from '../golden/load.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { awayFromKink, type ConvolutionCase, expectConvolution } from './convolutionCase.js';

let device: GPUDevice;
beforeAll(async () => { ({ device } = await testDevice()); });
afterAll(closeTestDevice);
describe('golden', () => {
  const golden = loadGolden('conv');
  const cases = golden.metadata.cases as any[];
  for (const family of ['naive', undefined] as const)
  it.each(cases.map((one, index) => [index, one] as const))(`${family} case %i`, async (index, one) => {
    const value = (name: string) => golden.tensor(`${index}.${name}`);
    const images = (name: string) => nchwToNhwc(value(name).data, value(name).shape as any);
    const both = (size: number) => [size, size] as const;
    const [batch, channels, height, width] = one.x;
    const [outChannels, , fh, fw] = one.w;
    const c: ConvolutionCase = {
      shape: { batch, inHeight: height, inWidth: width, inChannels: channels, outChannels, kernel: [fh, fw], stride: both(one.stride), padding: both(one.padding), dilation: both(one.dilation), groups: one.groups },
      mode: one.ic ? 'output' : 'none',
      input: images('x'), filter: oihwToHwio(value('w').data, one.w), bias: one.bias ? value('b').data : undefined, adjust: one.ic ? value('a').data : undefined, gradient: images('dy'),
    };
    const z = awayFromKink(c).zeroed;
    const t = performance.now();
    const shares = await expectConvolution(device, c, `${index}`, { family, expected: { y: images('y'), dx: images('dx'), dw: oihwToHwio(value('dw').data, one.w), db: one.bias ? value('db').data : undefined, da: one.ic ? value('da').data : undefined } });
    process.stdout.write(`${index} ${family} zeroed ${z} ${(performance.now() - t).toFixed(0)}ms ${JSON.stringify(shares)}\n`);
    expect(z).toBe(0);
  });
});
