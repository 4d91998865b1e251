import { describe, expect, it } from 'vitest';
import { activationBytes, inferenceFootprint, trainingFootprint } from '../../src/graph/footprint.js';
import { fuseLayers, isBatchNorm, isConvolution } from '../../src/graph/fusion.js';
import { planInference } from '../../src/graph/inferencePlan.js';
import { elementCount, networkParameters } from '../../src/graph/parameters.js';
import { segmentsOf } from '../../src/graph/segments.js';
import { inferShapes } from '../../src/graph/shapes.js';
import { layoutState } from '../../src/graph/stateLayout.js';
import { planTraining } from '../../src/graph/trainingPlan.js';
import { networkByName } from '../../src/models/networkByName.js';
import { flatParts } from '../../src/ops/optimisers.js';
import { gridOf } from '../../src/ops/plan.js';

describe.each([{}, { subgroup: 4, software: true }, { subgroup: 32 }])('with traits %o', (traits) => {
  it.each([
    'ic-resnet18',
    'resnet50',
    'ic-resnet50',
    'ic-resnet152',
  ])('%s infers in 1.3 times its two largest neighbouring activations, and parameters', (name) => {
    const network = networkByName(name);
    for (const batch of [1, 3]) {
      const { largestNeighbours } = activationBytes(network, batch);
      const { arena } = inferenceFootprint(network, batch, {}, traits);
      expect(arena).toBeLessThanOrEqual(1.3 * largestNeighbours);
    }
  });

  it.each(['ic-resnet18', 'ic-resnet50'])('%s trains in six tenths of all its tensors', (name) => {
    const network = networkByName(name);
    for (const batch of [1, 3]) {
      const { all } = activationBytes(network, batch);
      expect(trainingFootprint(network, batch, {}, traits).arena).toBeLessThan(0.6 * 2 * all);
    }
  });

  it('computing again halves what IC-ResNet-50 needs for its activations', () => {
    const network = networkByName('ic-resnet50');
    const kept = trainingFootprint(network, 2, {}, traits);
    const again = trainingFootprint(network, 2, { recompute: true }, traits);
    expect(again.arena).toBeLessThan(kept.arena / 2);
    expect({ ...again, arena: 0, total: 0 }).toEqual({ ...kept, arena: 0, total: 0 });
  });
});

it.each([
  { subgroup: 4, software: true },
  { subgroup: 32 },
])('IC-ResNet-50 trains in float16 in half the arena with %o', (traits) => {
  const network = networkByName('ic-resnet50');
  const full = trainingFootprint(network, 8, {}, traits);
  const half = trainingFootprint(network, 8, { precision: 'float16' }, traits);
  expect(half.arena).toBeLessThan(0.6 * full.arena);
  expect({ ...half, arena: 0, total: 0 }).toEqual({ ...full, arena: 0, total: 0 });
  const recomputed = trainingFootprint(network, 8, { precision: 'float16', recompute: true }, traits);
  expect(recomputed.arena).toBeLessThan(half.arena / 2);
});

/** What every WebGPU device allows. */
const defaults = { binding: 128 * 2 ** 20, buffer: 256 * 2 ** 20, workgroups: 65535, storageBuffers: 8 };

const sizes = [18, 34, 50, 101, 152].flatMap((depth) => [`resnet${depth}`, `ic-resnet${depth}`]);

it.each(sizes)("%s at 224x224 infers and trains within WebGPU's default limits", (name) => {
  const network = networkByName(name);
  const operations = [{}, { subgroup: 4, software: true }, { subgroup: 32 }].flatMap((traits) => {
    const { fold, forward } = planInference(network, 1, {}, traits);
    const trainings = [{}, { recompute: true }, { precision: 'float16' as const }].map((options) =>
      planTraining(network, 1, options, traits),
    );
    return [...fold, ...forward, ...trainings.flatMap((training) => training.operations)];
  });
  let [largest, widest, mostOperands] = [0, 0, 0];
  for (const { plan } of operations) {
    for (const { bytes } of Object.values(plan.operands)) largest = Math.max(largest, bytes);
    for (const { workgroups, operands } of [...plan.steps, ...(plan.prepare ?? [])]) {
      widest = Math.max(widest, ...gridOf(workgroups));
      mostOperands = Math.max(mostOperands, Object.keys(operands).length);
    }
  }
  expect(largest).toBeLessThanOrEqual(defaults.binding);
  expect(widest).toBeLessThanOrEqual(defaults.workgroups);
  expect(mostOperands).toBeLessThanOrEqual(defaults.storageBuffers);
  const { trainedCount } = layoutState(network);
  expect(4 * trainedCount).toBeLessThanOrEqual(defaults.buffer);
  for (const { count } of flatParts(trainedCount, defaults.binding))
    expect(4 * count).toBeLessThanOrEqual(defaults.binding);
});

describe('the footprint', () => {
  const network = networkByName('ic-resnet20');
  const trained = networkParameters(network)
    .filter(({ trainable }) => trainable)
    .reduce((sum, { shape }) => sum + 4 * elementCount(shape), 0);

  it('adds up, and counts parameters, gradients and moments', () => {
    const training = trainingFootprint(network, 4, { momentsEach: 2 });
    const { state, gradients, optimiser, input, arena, total } = training;
    expect(total).toBe(state + gradients + optimiser + input + arena);
    expect(gradients).toBeGreaterThanOrEqual(trained);
    expect(gradients).toBeLessThan(1.1 * trained);
    expect(optimiser).toBe(2 * gradients);
    expect(input).toBe(4 * (4 * 32 * 32 * 3 + 4));
    expect(inferenceFootprint(network, 4)).toMatchObject({ gradients: 0, optimiser: 0, input: 4 * 4 * 32 * 32 * 3 });
  });

  it('of the fastest forms holds what they keep of the filters', () => {
    const traits = { subgroup: 4, software: true };
    const least = inferenceFootprint(network, 1, {}, traits);
    const fastest = inferenceFootprint(network, 1, { memory: 'fastest' }, traits);
    expect(fastest.arena).toBeGreaterThan(least.arena + trained);
  });
});

describe('segments', () => {
  const network = networkByName('ic-resnet50');
  const shapes = inferShapes(network, 1);
  const groups = fuseLayers(network, isBatchNorm);
  const segments = segmentsOf(groups, ({ output }) => elementCount(shapes.get(output)!));

  it('hold every group once, in order', () => {
    expect(segments.flat()).toEqual(groups);
    expect(segments.length).toBeGreaterThan(3);
    for (const segment of segments) expect(segment.length).toBeGreaterThan(0);
  });

  it('end where nothing but the last output is read later', () => {
    let behind = 0;
    for (const segment of segments) {
      behind += segment.length;
      const inside = new Set(segment.slice(0, -1).map(({ output }) => output));
      for (const { head, residual } of groups.slice(behind)) {
        for (const layer of [...head.inputs, residual]) expect(inside.has(layer!)).toBe(false);
      }
    }
  });

  it('of a network whose layers all read the first one is a single one', () => {
    const conv = network.layers.find(isConvolution)!;
    const layers = [
      { ...conv, name: 'a', inputs: ['input'] },
      { ...conv, name: 'b', inputs: ['a'] },
      { kind: 'add', name: 'c', inputs: ['b', 'a'] },
      { kind: 'add', name: 'd', inputs: ['c', 'a'] },
    ] as const;
    const all = fuseLayers({ ...network, layers }, isBatchNorm);
    expect(segmentsOf(all, () => 1)).toEqual([all]);
  });
});
