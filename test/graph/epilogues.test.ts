import { describe, expect, it } from 'vitest';
import { planInference } from '../../src/graph/inferencePlan.js';
import { loadLayerPlans } from '../../src/graph/layerPlans.js';
import { networkByName, publishedNames } from '../../src/models/networkByName.js';

/** What stands alone where it could not join the dispatch ahead of it. */
const alone = ['relu', 'activation', 'batchNorm', 'affine'];

describe('inference', () => {
  it.each(
    publishedNames.flatMap((name) => [name, `ic-${name}`]),
  )('of %s spends no dispatch on what a convolution or dense layer can end in', async (name) => {
    const network = networkByName(name);
    const layerPlans = await loadLayerPlans(network);
    const { forward } = planInference(network, 1, {}, { subgroup: 8 }, { layerPlans });
    const operations = forward.map(({ plan }) => plan.operation);
    // Batch norm stands ahead of a DenseNet's convolutions, with its ReLU.
    const found = operations.filter((operation) => alone.some((kind) => operation.startsWith(kind)));
    expect(found.filter((operation) => !(name.includes('densenet') && operation.startsWith('batchNorm')))).toEqual([]);
  });
});
