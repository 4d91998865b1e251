import { adjustDistributions } from '../../graph/adjustDistribution.js';
import { compileInspection, type Inspection } from '../../graph/inspection.js';
import { type NetworkState, readState } from '../../graph/state.js';
import { indexedDBTuningStore } from '../../tune/indexedDBStore.js';
import type { InsideView, Question } from '../protocol.js';
import { networkInput, rgba } from './classify.js';
import { modelNamed } from './models.js';

const histogramBins = 24;

let compiled: { readonly state: NetworkState; readonly inspection: Inspection } | undefined;

/** Where the second term fires for a picture, layer by layer, and how `adjust` is spread. */
export async function lookInside({ model: name, bitmap, drawn }: Question): Promise<InsideView> {
  const model = await modelNamed(name);
  const { network, state } = model;
  const { pixels, values } = networkInput(model, bitmap, drawn);
  bitmap.close();
  const inspection = await inspectionOf(state);
  // Asked for at once: both are of the same step where the network trains meanwhile.
  const [{ layers }, parameters] = await Promise.all([inspection.run(values), readState(state)]);
  const { height, width, channels } = network.input;
  const spreads = adjustDistributions(network, parameters, histogramBins);
  return {
    seen: { height, width, pixels: rgba(pixels, channels) },
    layers: layers.map(({ maps, filterShares: _, ...layer }) => ({ ...layer, map: maps })),
    spreads: spreads.map(({ layer, values: weights, filterElements, quantiles, mean, counts }) => ({
      layer,
      weights: weights.length,
      filterElements,
      least: quantiles[0],
      median: quantiles[2],
      most: quantiles[4],
      mean,
      counts,
    })),
  };
}

/** One inspection is kept: that of the network looked into last. */
async function inspectionOf(state: NetworkState): Promise<Inspection> {
  if (compiled?.state === state) return compiled.inspection;
  compiled?.inspection.dispose();
  compiled = undefined;
  const inspection = await compileInspection(state, { batch: 1, tuning: indexedDBTuningStore() });
  compiled = { state, inspection };
  return inspection;
}
