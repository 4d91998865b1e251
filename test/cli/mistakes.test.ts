import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Network } from '../../src/graph/network.js';
import { initialParameters } from '../../src/models/initialise.js';
import { networkByName } from '../../src/models/networkByName.js';
import { encodeNetwork } from '../../src/train/checkpoint.js';
import { weightsOf } from '../weights/files.js';
import { adapter, type Ended, type Installed, installCommand, objects } from './icnet.js';

const golden = fileURLToPath(new URL('../golden/pictures/', import.meta.url));
const input = { height: 16, width: 16, channels: 3 };
const network = networkByName('resnet8', { width: 4, classes: 2, input });

let icnet: Installed;
beforeAll(async () => {
  icnet = await installCommand();
  await put('runs/one/checkpoint.safetensors', encoded(network));
  await mkdir(join(icnet.folder, 'empty'));
});
afterAll(() => icnet.remove());

function encoded(own: Network, classNames?: readonly string[]): Uint8Array {
  return encodeNetwork(own, initialParameters(own, 1), { ...(classNames && { classNames }) });
}

async function put(path: string, bytes: Uint8Array | string): Promise<void> {
  await mkdir(dirname(join(icnet.folder, path)), { recursive: true });
  await writeFile(join(icnet.folder, path), bytes);
}

/** Pictures of some classes, as many as are said. */
async function putPictures(counts: Readonly<Record<string, number>>): Promise<void> {
  for (const [folder, count] of Object.entries(counts)) {
    await mkdir(join(icnet.folder, folder), { recursive: true });
    for (let index = 0; index < count; index++) {
      await copyFile(join(golden, 'rgb.png'), join(icnet.folder, folder, `${index}.png`));
    }
  }
}

/** Expects a single line, which is the last one: no trace, no word of the system's own. */
function expectLine({ code, stderr }: Ended, words: string | RegExp): void {
  expect(code).toBe(1);
  expect(stderr).toMatch(/^icnet.*\n$/);
  expect(stderr).not.toMatch(/E[A-Z]{4,}\b|\n\s+at /);
  expect(stderr.length).toBeLessThan(400);
  expect(stderr).toMatch(words);
}

describe('A slip in the options', () => {
  it.each([
    [['trian'], /unknown command 'trian' \(Did you mean train\?\)\. See icnet --help\.$/m],
    [['train', '--jsn'], /unknown option '--jsn' \(Did you mean --json\?\)\. See icnet train --help\.$/m],
    [
      ['train', '--optimiser', 'adam'],
      /Expected one of sgd, adamw \(did you mean adamw\?\)\. See icnet train --help\.$/m,
    ],
    [['convert', 'x', '--to', 'safetensor'], /onnx, safetensors \(did you mean safetensors\?\)/],
    [['eval'], /missing required argument 'weights'\. See icnet eval --help\.$/m],
    [['summary', 'restnet20'], /got restnet20 \(did you mean resnet20\?\)$/m],
    [['info', '--adapter', 'swiftshadr'], /"swiftshadr".*\(did you mean SwiftShader\?\)$/m],
    [['train', '--data', 'mnits'], /mnits: expected mnist, or .* \(did you mean mnist\?\)$/m],
  ])('is answered in a line with what was meant: %j', async (args, words) => {
    expectLine(await icnet.run(args), words);
    expect(await readdir(join(icnet.folder, 'runs'))).toEqual(['one']);
  });

  it('is none where letters, hyphens and underscores alone differ', async () => {
    const ended = await icnet.run(['summary', 'IC_ResNet-20', '--adjust', 'OUTPUT']);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ended.stdout).toMatch(/^ic-resnet20,/);
  });
});

describe('A file that is not what it should be', () => {
  it.each([
    [['eval', '/nope'], '/nope: expected a file that can be read, got nothing of that name'],
    [
      ['summary', 'nope/checkpoint.safetensors'],
      'safetensors: expected a file that can be read, got nothing of that name',
    ],
    [['eval', 'empty'], 'empty: expected a file, or the folder of a training with checkpoint.safetensors in it'],
    [['inspect', 'nope'], 'nope: expected a file that can be read, got nothing of that name'],
    [['upgrade', 'empty'], 'empty: expected a file, or the folder'],
    [['distill', '--teacher', 'nope'], 'nope: expected a file that can be read'],
    [['train', '--resume', 'nope'], 'nope: expected a file that can be read'],
    [['eval', join(golden, 'rgb.png')], 'rgb.png: expected a safetensors file, got a PNG picture'],
    [
      ['convert', join(golden, '420.jpg'), '--to', 'safetensors'],
      '420.jpg: expected an ONNX model, got a JPEG picture',
    ],
    [
      ['eval', 'runs/one', '--data', join(golden, 'rgb.png')],
      'rgb.png: expected mnist, or a folder of a data set, got a file',
    ],
    [['predict', 'x.png', '--weights', 'http://'], 'http://'],
    [['predict', 'x.png', '--weights', 'http://nowhere.invalid/w'], 'expected an answer, got no '],
  ])('is called what it is: %j', async (args, words) => {
    const escaped = words.replace(/[.*+?()[\]\\/]/g, '\\$&');
    expectLine(await icnet.run(args), new RegExp(escaped));
  });

  it('is the checkpoint where it is the folder of a training', async () => {
    const ended = await icnet.run(['summary', 'runs/one']);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ended.stdout).toMatch(/^resnet8, input 16 x 16 x 3/);
    const converted = await icnet.run(['convert', 'runs/one', '--to', 'onnx', '--json']);
    expect(objects(converted.stdout)).toMatchObject([{ output: join('runs', 'one', 'checkpoint.onnx') }]);
    const back = await icnet.run(['convert', join('runs', 'one', 'checkpoint.onnx'), '--to', 'safetensors']);
    expectLine(back, /--output: expected to be given/);
  });

  it('has other weights than the network, which is said with the likely cause, once', async () => {
    await put('w4.safetensors', weightsOf(network, initialParameters(network, 1)));
    const ended = await icnet.run([
      'predict',
      join(golden, 'rgb.png'),
      '--weights',
      'w4.safetensors',
      '--model',
      'resnet8',
    ]);
    expectLine(
      ended,
      /resnet8, got that of a network of width 4, not 16; of another shape: conv1\.weight \S+ instead of/,
    );
    expect(ended.stderr).toMatch(/( instead of [^;]*){3} and \d+ more\n$/);
  });
});

describe('Names from files', () => {
  it('give no orders to the terminal', async () => {
    const order = '\u001b]0;owned\u0007\u001b[2J\u009b31m\u202e';
    const named = networkByName('resnet8', { width: 4, classes: 2, input });
    const layers = named.layers.map((layer) => (layer.kind === 'dense' ? { ...layer, name: `fc${order}` } : layer));
    await put('named.safetensors', encoded({ ...named, name: `net${order}`, layers }));
    const words = await icnet.run(['summary', 'named.safetensors']);
    expect(words).toMatchObject({ code: 0, stderr: '' });
    expect(words.stdout).toMatch(/^[\x20-\x7e\n]+$/);
    expect(words.stdout).toContain('net\\u001b]0;owned\\u0007\\u001b[2J\\u009b31m\\u202e');
    const json = await icnet.run(['summary', 'named.safetensors', '--json']);
    expect(json.stdout).toMatch(/^[\x20-\x7e]+\n$/);
    expect(objects(json.stdout)).toMatchObject([{ network: `net${order}` }]);
    for (const args of [
      [`no\nsuch${order}`],
      ['eval', `no\nsuch${order}`],
      ['summary', '--names', order],
      [`--no${order}`],
    ]) {
      const { stderr } = await icnet.run(args);
      expect(stderr).toMatch(/^icnet[\x20-\x7e]+\n$/);
    }
  });
});

describe('Folders of pictures', () => {
  const train = ['train', '--network', 'resnet8', '--width', '4', '--input', '16x16x3', '--steps', '1', '--batch', '2'];
  const run = (data: string): Promise<Ended> =>
    icnet.run([...train, '--data', data, '--output', `out-${data}`, '--adapter', adapter, '--json']);
  const tested = ({ stdout }: Ended): unknown => objects(stdout).find(({ event }) => event === 'eval')!.images;

  it('hold one out of each class of few, and leave out what is no class, which is said', async () => {
    await putPictures({ 'few/cats': 3, 'few/dogs': 3, 'few/__MACOSX/cats': 1, 'few/.cache': 1, 'few/empty': 0 });
    await put('few/cats/._0.png', 'what macOS notes of a file');
    const ended = await run('few');
    expect(ended.code).toBe(0);
    expect(ended.stderr).toMatch(/^Left out of few, as no classes or without pictures: \.cache, __MACOSX, empty$/m);
    expect(ended.stderr).toMatch(/every 10th picture of a class is for testing, and one at least of two or more$/m);
    expect(ended.stderr).not.toContain('Skipped');
    expect(tested(ended)).toBe(2);
    const again = await icnet.run(['eval', 'out-few', '--data', 'few', '--json', '--adapter', adapter]);
    expect(tested(again)).toBe(6);
  });

  it('are numbered alike in both parts, whatever lies in them', async () => {
    await putPictures({ 'parts/train/ant': 2, 'parts/train/bee': 2, 'parts/train/cow': 2, 'parts/train/__MACOSX': 0 });
    await putPictures({ 'parts/val/ant': 0, 'parts/val/bee': 1, 'parts/val/cow': 1 });
    const ended = await run('parts');
    expect(ended.code).toBe(0);
    expect(ended.stderr).toMatch(/^No pictures to test with of ant$/m);
    expect(tested(ended)).toBe(2);
    await putPictures({ 'parts/val/dog': 1 });
    expect((await run('parts')).stderr).toMatch(
      /expected in val the classes that train has pictures of, got dog besides\n$/,
    );
  });

  it('say how many are needed where none can be held out', async () => {
    await putPictures({ 'single/cats': 1, 'single/dogs': 1 });
    const ended = await run('single');
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toMatch(/single: expected two pictures or more of a class, one of them to test with, got one/);
  });

  it('are looked at before anything is compiled', async () => {
    await put('broken.png', 'no picture');
    const ended = await icnet.run([
      'predict',
      'broken.png',
      'none.png',
      '--weights',
      'runs/one',
      '--mean',
      '0,0,0',
      '--deviation',
      '1,1,1',
    ]);
    expect(ended.code).toBe(1);
    expect(ended.stdout).toBe(
      `Reading ${join('runs', 'one', 'checkpoint.safetensors')}\n` +
        'Skipped: decodePicture: broken.png: expected a JPEG, PNG or WebP picture, got a text\n' +
        'Skipped: decodePicture: none.png: expected a file that can be read, got nothing of that name\n',
    );
    expectLine(ended, /predict: pictures: expected pictures that can be read, got none of 2/);
  });
});
