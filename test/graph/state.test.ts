import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferUsage } from '../../src/device/buffers.js';
import { ShapeError } from '../../src/errors.js';
import { parameter } from '../../src/graph/names.js';
import { createState, readState, readTensors, stateRanges, writeState } from '../../src/graph/state.js';
import { layoutState } from '../../src/graph/stateLayout.js';
import { parameterBlock } from '../../src/ops/parameterBlock.js';
import { expectError } from '../models/errors.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { nchwToNhwc, oihwToHwio } from '../support/layout.js';
import { everyRole, randomState } from './networks.js';

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(closeTestDevice);

describe('layoutState', () => {
  const layout = layoutState(everyRole);

  it.each(['trained', 'statistics'] as const)('puts %s one behind the other, each at the start of a block', (kind) => {
    let end = 0;
    for (const { offset, count } of layout[kind]) {
      expect(offset % parameterBlock).toBe(0);
      expect(offset).toBeGreaterThanOrEqual(end);
      expect(offset - end).toBeLessThan(parameterBlock);
      end = offset + count;
    }
    const total = kind === 'trained' ? layout.trainedCount : layout.statisticsCount;
    expect(total % parameterBlock).toBe(0);
    expect(total).toBeGreaterThanOrEqual(end);
  });

  it('has the offsets of a unit in the block behind its weights, which bind as one', () => {
    const place = (name: string) => layout.trained.find((entry) => entry.name === name)!.offset;
    expect(place('output.offset')).toBe(place('output.adjust') + parameterBlock);
    const state = createState(device, everyRole);
    const range = stateRanges(state).get(parameter('output.adjust'));
    expect(range).toMatchObject({ offset: 4 * place('output.adjust'), size: 4 * (parameterBlock + 4) });
    expect(stateRanges(state).get(parameter('input-form.adjust'))).toMatchObject({ size: 4 * 4 });
    state.dispose();
  });

  it('keeps what is trained, what is measured and what is counted apart', () => {
    const roles = new Set(layout.trained.map(({ role }) => role));
    expect(roles).toEqual(
      new Set(['filter', 'bias', 'adjust', 'offset', 'scale', 'shift', 'denseWeight', 'denseBias']),
    );
    expect(layout.statistics.map(({ role }) => role)).toEqual(['runningMean', 'runningVariance']);
    expect(layout.counters).toEqual(['norm.num_batches_tracked']);
  });
});

describe('state', () => {
  it('reads back the bits that were written, in every role', async () => {
    const values = randomState(everyRole, 1);
    const state = createState(device, everyRole);
    writeState(state, values);
    const read = await readState(state);
    expect([...read.keys()].sort()).toEqual([...values.keys()].sort());
    for (const [name, value] of values) expect(read.get(name), name).toEqual(value);
    expect(state.batchesTracked).toBe(17);
    state.dispose();
  });

  it('holds filters as HWIO and dense weights over an image as [height, width, channels, out]', async () => {
    const values = randomState(everyRole, 2);
    const state = createState(device, everyRole);
    writeState(state, values);
    // Without axes, what is read is what lies in memory.
    const raw = state.layout.trained.map((entry) => ({ ...entry, axes: [entry.count], order: [0] }));
    const memory = new Map(await readTensors(device, state.trained, raw));
    expect(memory.get('plain.weight')).toEqual(oihwToHwio(values.get('plain.weight')!, [6, 3, 3, 3]));
    const images = nchwToNhwc(values.get('fc.weight')!, [7, 5, 3, 4]);
    const transposed = images.map((_, i) => images[(i % 7) * 60 + Math.floor(i / 7)]!);
    expect(memory.get('fc.weight')).toEqual(transposed);
    expect(memory.get('norm.bias')).toEqual(values.get('norm.bias'));
    state.dispose();
  });

  it('counts no batches where the counters are left out', () => {
    const values = randomState(everyRole, 3);
    values.delete('norm.num_batches_tracked');
    const state = createState(device, everyRole);
    writeState(state, values);
    expect(state.batchesTracked).toBe(0);
    state.dispose();
  });

  it('refuses entries that are missing, unknown or of another size, and names some of each', async () => {
    const state = createState(device, everyRole);
    const sound = randomState(everyRole, 4);
    writeState(state, sound);
    const values = new Map(sound);
    values.delete('plain.bias');
    values.delete('fc.weight');
    values.set('fc.weights', new Float32Array(3));
    values.set('output.adjust', new Float32Array(5));
    expectError(() => writeState(state, values), ShapeError, {
      operation: 'writeState',
      parameter: 'every-role',
      got:
        'missing: plain.bias and 1 more; unknown: fc.weights; ' +
        'of another size: output.adjust (5 instead of 4 elements)',
    });
    expect((await readState(state)).get('norm.weight')).toEqual(sound.get('norm.weight'));
    state.dispose();
  });

  it('gives its memory back', () => {
    const before = bufferUsage(device);
    const state = createState(device, everyRole);
    expect(bufferUsage(device).count).toBe(before.count + 2);
    state.dispose();
    expect(bufferUsage(device)).toEqual(before);
  });
});
