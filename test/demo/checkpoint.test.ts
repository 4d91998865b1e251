import { readFile, stat } from 'node:fs/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { drawnDigits } from '../../src/demo/data/digits.js';
import digits from '../../src/demo/models/digits.json' with { type: 'json' };
import { subset } from '../../src/io/dataset.js';
import { loadMnist } from '../../src/node.js';
import { decodeCheckpoint, restoreState } from '../../src/train/checkpoint.js';
import { compileEvaluation } from '../../src/train/evaluation.js';
import { closeTestDevice, testDevice } from '../support/device.js';

const path = 'src/demo/models/digits.safetensors';
const images = 1000;
/** Four deviations of the share of right answers among so many images. */
const sampling = 4 * Math.sqrt((digits.accuracy * (1 - digits.accuracy)) / images);

afterAll(closeTestDevice);

describe('The network that ships with the demo', () => {
  it('is small, and as good as the page says', async () => {
    expect((await stat(path)).size).toBeLessThan(400 * 1000);
    const checkpoint = decodeCheckpoint(await readFile(path), path);
    const { device } = await testDevice();
    const state = restoreState(device, checkpoint);
    const evaluation = await compileEvaluation(state, { batch: 100 });
    const { test } = await loadMnist();
    const onMnist = await evaluation.run(subset(test, 0, images), checkpoint.normalisation!);
    expect(onMnist.accuracy).toBeGreaterThan(digits.accuracy - sampling);
    const onDrawn = await evaluation.run(drawnDigits('drawn', 300, 9), checkpoint.normalisation!);
    expect(onDrawn.accuracy).toBeGreaterThan(0.96);
    evaluation.dispose();
    state.dispose();
  });
});
