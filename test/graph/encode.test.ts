import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileInference, type InferenceNetwork, type InferenceOptions } from '../../src/graph/inference.js';
import type { Network } from '../../src/graph/network.js';
import { createState, type NetworkState, writeState } from '../../src/graph/state.js';
import { compileTraining, type TrainingNetwork } from '../../src/graph/training.js';
import { chooseByRule } from '../../src/ops/choose.js';
import { convolution, pool } from '../models/layers.js';
import { readRange } from '../networks/deviceRun.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { propertySeed } from '../support/propertySeed.js';
import { randomArray } from '../support/random.js';
import { randomState } from './networks.js';

/** With a batch norm that is folded, and filters that Winograd convolutions transform. */
const network: Network = {
  name: 'derived',
  input: { height: 8, width: 8, channels: 4 },
  layers: [
    convolution({ name: 'first' }),
    { kind: 'batchNorm', name: 'norm', inputs: ['first'], epsilon: 1e-5, momentum: 0.5 },
    { kind: 'relu', name: 'relu', inputs: ['norm'] },
    convolution({ name: 'second', inputs: ['relu'], adjust: 'output' }),
    pool({ kind: 'meanPool', name: 'mean', inputs: ['second'], kernel: 'global', stride: [1, 1] }),
    { kind: 'dense', name: 'fc', inputs: ['mean'], outFeatures: 3, bias: true },
  ],
};
const values = [1, 2, 3].map((seed) => randomState(network, seed));
const images = randomArray(2 * 8 * 8 * 4, 9);

const forms: readonly (readonly [string, InferenceOptions])[] = [
  ['memory: least', { batch: 2 }],
  [
    'memory: fastest, with Winograd',
    {
      batch: 2,
      memory: 'fastest',
      choose: (request) => request.forms.find(({ family }) => family === 'winograd') ?? chooseByRule(request),
    },
  ],
];

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(closeTestDevice);

/** An encoder of the caller's, and a copy of what a network leaves in it. */
function encoded(...encode: ((pass: GPUComputePassEncoder) => void)[]): () => void {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (const each of encode) each(pass);
  pass.end();
  return () => device.queue.submit([encoder.finish()]);
}

/** What a network says that knows nothing of the past. */
async function freshLogits(state: NetworkState, options: InferenceOptions): Promise<Float32Array> {
  const fresh = await compileInference(state, options);
  try {
    return await fresh.run(images);
  } finally {
    fresh.dispose();
  }
}

describe.each(forms)('a pass of the caller, %s', (_, options) => {
  let state: NetworkState;
  let inference: InferenceNetwork;
  let training: TrainingNetwork;
  beforeAll(async () => {
    state = createState(device, network);
    inference = await compileInference(state, options);
    training = await compileTraining(state, { batch: 2 });
    writeState(state, values[0]!);
    await inference.run(images);
    device.queue.writeBuffer(training.input.buffer, training.input.offset, images);
  });
  afterAll(() => {
    for (const made of [inference, training, state]) made.dispose();
  });

  const logits = (): Promise<Float32Array> => readRange(device, inference.output);

  it('that is dropped changes nothing for those that come after', async () => {
    writeState(state, values[1]!);
    encoded(inference.encode);
    const expected = await freshLogits(state, options);
    encoded(inference.encode)();
    expect(await logits()).toEqual(expected);
    writeState(state, values[2]!);
    encoded(inference.encode);
    expect(await inference.run(images)).toEqual(await freshLogits(state, options));
  });

  it('is right in whatever order passes are submitted', async () => {
    writeState(state, values[1]!);
    const [first, second] = [encoded(inference.encode), encoded(inference.encode)];
    const expected = await freshLogits(state, options);
    second();
    expect(await logits()).toEqual(expected);
    first();
    expect(await logits()).toEqual(expected);
  });

  it('prepares once, where nobody trains in passes of his own', async () => {
    writeState(state, values[2]!);
    await inference.run(images);
    const dispatches = (): number => {
      let count = 0;
      const pass = { setPipeline() {}, setBindGroup() {}, dispatchWorkgroups: () => count++ };
      inference.encode(pass as unknown as GPUComputePassEncoder);
      return count;
    };
    expect(dispatches()).toBe(inference.dispatches);
    encoded(training.encode)();
    expect(dispatches()).toBeGreaterThan(inference.dispatches);
    training.submitted();
    expect(dispatches()).toBe(inference.dispatches);
  });

  it('sees a training step of the same encoder', async () => {
    writeState(state, values[0]!);
    encoded(
      (pass) => training.encode(pass),
      (pass) => inference.encode(pass),
    )();
    expect(await logits()).toEqual(await freshLogits(state, options));
    training.submitted();
    expect(await inference.run(images)).toEqual(await freshLogits(state, options));
  });

  it('counts batches that were submitted, not those that were encoded', () => {
    const before = state.batchesTracked;
    encoded(training.encode);
    encoded(training.encode)();
    training.submitted();
    expect(state.batchesTracked).toBe(before + 1);
  });

  // A pass that was encoded before the state changed, and is submitted after, promises nothing.
  it(`is right after whatever happened before (seed ${propertySeed})`, async () => {
    const command = fc.oneof(
      fc.record({ kind: fc.constant('write' as const), value: fc.nat(2) }),
      fc.record({ kind: fc.constantFrom('infer', 'train', 'both', 'run') }),
      fc.record({ kind: fc.constant('submit' as const), which: fc.nat(5) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 12 }), fc.boolean(), async (commands, reports) => {
        writeState(state, values[0]!);
        training.submitted();
        /** How often the state has changed on the queue. */
        let changes = 0;
        const open: { submit: () => void; trains: boolean; infers: boolean; at: number }[] = [];
        for (const { kind, ...more } of commands) {
          if (kind === 'write') {
            writeState(state, values[(more as { value: number }).value]!);
            changes++;
          } else if (kind === 'run') {
            expect(await inference.run(images)).toEqual(await freshLogits(state, options));
          } else if (kind === 'submit') {
            const [pass] = open.splice((more as { which: number }).which, 1);
            if (!pass) continue;
            pass.submit();
            if (pass.trains && reports) training.submitted();
            if (pass.infers && pass.at === changes) expect(await logits()).toEqual(await freshLogits(state, options));
            if (pass.trains) changes++;
          } else {
            const [trains, infers] = [kind !== 'infer', kind !== 'train'];
            const parts = [...(trains ? [training.encode] : []), ...(infers ? [inference.encode] : [])];
            open.push({ submit: encoded(...parts), trains, infers, at: changes });
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});
