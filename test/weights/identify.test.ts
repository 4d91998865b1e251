import { describe, expect, it } from 'vitest';
import { networkParameters } from '../../src/graph/parameters.js';
import type { SafetensorsEntry } from '../../src/io/safetensorsHeader.js';
import { networkByName } from '../../src/models/networkByName.js';
import { identifyNetworks } from '../../src/weights/identify.js';

/** What a header would say of a network's weights. */
function tensorsOf(name: string, classes: number, counters = true): Map<string, SafetensorsEntry> {
  const specs = networkParameters(networkByName(name, { classes }));
  return new Map(
    specs
      .filter(({ role }) => counters || role !== 'batchesTracked')
      .map(({ name: key, shape }) => [key, { dtype: 'F32', shape, begin: 0, end: 0 }]),
  );
}

describe('identifyNetworks', () => {
  it.each([
    'resnet50',
    'ic-resnet18',
    'resnet34d',
    'wide-resnet50-2',
    'vgg16-bn',
    'ic-mobilenet-v2',
    'densenet121',
    'seresnet50',
    'ic-mobilenet-v3-large',
    'efficientnet-b0',
    'googlenet',
    'squeezenet1-1',
    'shufflenet-v2-x1-5',
    'ic-regnet-y-400mf',
    'mnasnet1-3',
  ])('knows %s by its names and shapes, whatever its classes', (name) => {
    expect(identifyNetworks({ tensors: tensorsOf(name, 1000) })).toEqual([name]);
    expect(identifyNetworks({ tensors: tensorsOf(name, 7, false) })).toEqual([name]);
  });

  it('knows none where something is missing, left over or of another shape', () => {
    const missing = tensorsOf('resnet18', 1000);
    missing.delete('layer3.1.bn2.bias');
    const leftOver = tensorsOf('resnet18', 1000);
    leftOver.set('ema.weight', { dtype: 'F32', shape: [1], begin: 0, end: 0 });
    const reshaped = tensorsOf('resnet18', 1000);
    reshaped.set('conv1.weight', { dtype: 'F32', shape: [64, 1, 7, 7], begin: 0, end: 0 });
    for (const tensors of [missing, leftOver, reshaped, new Map()]) expect(identifyNetworks({ tensors })).toEqual([]);
  });
});
