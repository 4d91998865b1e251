import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ShapeError, UnsupportedError } from '../../src/errors.js';
import { networkParameters } from '../../src/graph/parameters.js';
import { networkByName } from '../../src/models/networkByName.js';
import { imageNetResNet } from '../../src/models/resnet.js';
import { summarise } from '../../src/models/summary.js';
import { goldenParameters, nchwToNhwc, uniform } from '../golden/load.js';
import { networkForward } from '../reference/network.js';
import { expectError } from './errors.js';

interface TimmFile {
  readonly states: Readonly<Record<string, readonly string[]>>;
  readonly runs: Readonly<Record<string, { input: [number, number, number, number]; logits: number[] }>>;
}

/** What timm's networks are and compute; see timm_networks.py. */
const { states, runs } = JSON.parse(
  readFileSync(new URL('../golden/timm.json', import.meta.url), 'utf8'),
) as unknown as TimmFile;

describe('the ResNets of timm', () => {
  it.each(Object.keys(states))('%s: every entry of the state has its name, place and shape', (name) => {
    const own = networkParameters(networkByName(name)).map((spec) => `${spec.name} ${spec.shape.join('x')}`.trim());
    expect(own).toEqual(states[name]);
  });

  it.each(Object.keys(runs))('%s: the logits are those that timm computes', (name) => {
    const { input, logits } = runs[name]!;
    const [count, channels, height, width] = input;
    const network = networkByName(name, { classes: 5, input: { height, width, channels } });
    const shapes = new Map(networkParameters(network).map((spec) => [spec.name, spec.shape]));
    const parameters = goldenParameters([...shapes.keys()], (parameter) => shapes.get(parameter)!);
    const images = nchwToNhwc(uniform(count * channels * height * width, 99), input);
    const computed = networkForward(network, parameters, images, { training: false }).logits;
    expect(computed.length).toBe(logits.length);
    for (const [index, logit] of logits.entries()) expect(Math.abs(computed[index]! - logit)).toBeLessThan(1e-9);
  });

  it('count as published', () => {
    expect(summarise(networkByName('resnet50d')).parameters).toBe(25_576_264);
    expect(summarise(networkByName('resnet18d')).parameters).toBe(11_708_744);
  });

  it('have an IC form, whose stem and shortcuts are plain', () => {
    const { name, layers } = networkByName('ic-resnet50d');
    expect(name).toBe('ic-resnet50d');
    const plain = layers.flatMap((layer) =>
      layer.kind === 'convolution' && layer.adjust === 'none' ? [layer.name] : [],
    );
    expect(plain.length).toBe(7);
    for (const convolution of plain) expect(convolution).toMatch(/^conv1\.|\.downsample\./);
  });

  it('refuse sides that do not halve five times, and depths of no such form', () => {
    const input = { height: 224, width: 100, channels: 3 };
    const make = (): unknown => imageNetResNet({ depth: 18, ic: false, variant: 'd', input });
    expectError(make, ShapeError, {});
    expectError(() => networkByName('resnet20d'), UnsupportedError, { got: expect.stringMatching(/^resnet20d/) });
    expectError(() => networkByName('cifar-resnet50d'), UnsupportedError, {
      got: expect.stringMatching(/^cifar-resnet50d/),
    });
  });
});
