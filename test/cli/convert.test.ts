import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, StringStringEntryProtoSchema } from 'onnx-buf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Network } from '../../src/graph/network.js';
import { networkParameters } from '../../src/graph/parameters.js';
import { imageNetClasses } from '../../src/io/imageNetClasses.js';
import { imageNetNormalisation } from '../../src/io/picture.js';
import { float32Tensor, writeSafetensors } from '../../src/io/safetensors.js';
import { cifarResNet, imageNetResNet } from '../../src/models/resnet.js';
import { decodeOnnx } from '../../src/onnx.js';
import { decodeCheckpoint, encodeNetwork } from '../../src/train/checkpoint.js';
import { formulaWeights } from '../onnx/cases.js';
import { floats, modelOf, node } from '../onnx/models.js';
import { runOnnx } from '../onnx/runtime.js';
import { networkForward } from '../reference/network.js';
import { uniform } from '../support/random.js';
import { distance } from '../support/rounding.js';
import { serveFolder } from '../support/server.js';
import { type Ended, type Installed, installCommand, objects } from './icnet.js';

let icnet: Installed;
beforeAll(async () => {
  icnet = await installCommand();
});
afterAll(() => icnet.remove());

const fine = { code: 0, signal: null };
const place = (name: string): string => join(icnet.folder, name);

/** Expects a refusal in one line that a person can read, and no file. */
async function expectRefusal(ended: Ended, ...words: string[]): Promise<void> {
  expect(ended).toMatchObject({ code: 1, signal: null, stdout: '' });
  for (const word of words) expect(ended.stderr).toContain(word);
  expect(ended.stderr).toMatch(/^icnet: .+\n$/);
  expect(await readdir(icnet.folder)).not.toContain('refused.onnx');
}

describe('icnet convert', () => {
  const network: Network = cifarResNet({ depth: 8, ic: true, width: 4, classes: 3 });
  const values = formulaWeights(network);
  const more = {
    normalisation: { mean: [0.5, 0.4, 0.3], deviation: [0.2, 0.2, 0.1] },
    classNames: ['cat', 'dog', 'newt'],
  };

  it('makes an ONNX file of a checkpoint, and a checkpoint of that', async () => {
    await writeFile(place('net.safetensors'), encodeNetwork(network, values, more));
    const there = await icnet.run(['convert', 'net.safetensors', '--to', 'onnx', '--json']);
    expect(there).toMatchObject(fine);
    const file = await readFile(place('net.onnx'));
    expect(objects(there.stdout)).toEqual([
      { event: 'done', network: network.name, input: 'net.safetensors', output: 'net.onnx', bytes: file.length },
    ]);
    const images = uniform(2 * 32 * 32 * 3, 1);
    const { logits } = networkForward(network, values, images, { training: false });
    expect(distance((await runOnnx(file, network.input, images)).values, logits)).toBeLessThan(1e-5);

    const back = await icnet.run(['convert', 'net.onnx', '--to', 'safetensors', '--output', 'back.safetensors']);
    expect(back).toMatchObject({ ...fine, stderr: '' });
    expect(back.stdout).toMatch(/^ic-resnet8: back\.safetensors, [\d,]+ bytes\n$/);
    const checkpoint = decodeCheckpoint(await readFile(place('back.safetensors')));
    expect(checkpoint).toMatchObject({ network, ...more });
    for (const [name, value] of values) expect(checkpoint.values.get(name), name).toEqual(value);
  });

  it('makes an ONNX file of plain weights, at any size of images', async () => {
    const known = imageNetResNet({ depth: 18, ic: false });
    const weights = formulaWeights(known);
    const tensors = networkParameters(known)
      .filter(({ role }) => role !== 'batchesTracked')
      .map(({ name, shape }) => [name, float32Tensor(shape, weights.get(name)!)] as const);
    await writeFile(place('plain.safetensors'), writeSafetensors(tensors));
    const line = ['convert', 'plain.safetensors', '--to', 'onnx', '--output', 'r18.onnx', '--size', '64'];
    expect(await icnet.run([...line, '--model', 'resnet18'])).toMatchObject({ ...fine, stderr: '' });
    const decoded = decodeOnnx(await readFile(place('r18.onnx')));
    expect(decoded.network).toEqual({ ...known, input: { height: 64, width: 64, channels: 3 } });
    expect(decoded.normalisation).toEqual(imageNetNormalisation);
    expect(decoded.classNames).toEqual(imageNetClasses().map(({ name }) => name));
    // Published weights are known by their names and shapes; others are not.
    const identified = await icnet.run([...line.slice(0, -2), '--json']);
    expect(identified).toMatchObject(fine);
    expect(identified.stderr).toContain('Network: resnet18');
    await writeFile(place('some.safetensors'), writeSafetensors(tensors.slice(1)));
    const some = ['convert', 'some.safetensors', '--to', 'onnx', '--output', 'refused.onnx'];
    await expectRefusal(await icnet.run(some), '--model', 'some.safetensors');
  });

  it("makes a checkpoint of PyTorch's file, which the other commands know", async () => {
    const file = await readFile(new URL('../golden/onnx/mobile.onnx', import.meta.url));
    await writeFile(place('mobile.onnx'), file);
    expect(await icnet.run(['convert', 'mobile.onnx', '--to', 'safetensors'])).toMatchObject({ ...fine, stderr: '' });
    const ended = await icnet.run(['summary', 'mobile.safetensors']);
    expect(ended).toMatchObject({ ...fine, stderr: '' });
    expect(ended.stdout).toMatch(/^classifier\.1 +dense +1 x 1 x 5 +45 +40$/m);
  });

  it('ends in a tensor that is named, and reads weights beside the model', async () => {
    const weights = floats('w', [3, 2, 3, 3]);
    const nodes = [node('Conv', ['x', 'w'], 'stem'), node('NonMaxSuppression', ['stem', 'stem'], 'y')];
    const model = fromBinary(ModelProtoSchema, modelOf({ nodes, constants: [weights] }));
    const [tensor] = model.graph!.initializer;
    tensor!.rawData = new Uint8Array();
    tensor!.externalData = [create(StringStringEntryProtoSchema, { key: 'location', value: 'detector.data' })];
    await writeFile(place('detector.onnx'), toBinary(ModelProtoSchema, model));
    const convert = (...more: string[]) => icnet.run(['convert', 'detector.onnx', '--to', 'safetensors', ...more]);
    await expectRefusal(await convert('--end', 'stem'), 'detector.data');
    await writeFile(place('detector.data'), weights.rawData);
    await expectRefusal(await convert(), 'NonMaxSuppression');
    await expectRefusal(await convert('--end', 'stern'), 'stern');
    expect(await convert('--end', 'stem')).toMatchObject(fine);
    const { network: cut } = decodeCheckpoint(await readFile(place('detector.safetensors')));
    expect(cut.layers.map(({ name }) => name)).toEqual(['stem']);
  });

  it('makes the folder that it writes into, and looks ahead whether it can', async () => {
    await writeFile(place('again.safetensors'), encodeNetwork(network, values, more));
    const line = ['convert', 'again.safetensors', '--to', 'onnx', '--output'];
    expect(await icnet.run([...line, join('deep', 'below', 'net.onnx')])).toMatchObject({ ...fine, stderr: '' });
    expect(await readdir(place(join('deep', 'below')))).toEqual(['net.onnx']);
    const inTheWay = join('again.safetensors', 'net.onnx');
    await expectRefusal(await icnet.run([...line, inTheWay]), 'convert: --output', `${inTheWay} (ENOTDIR`);
    await expectRefusal(await icnet.run([...line, 'deep']), 'convert: --output', 'deep (EISDIR');
    expect(await readdir(place('.'))).not.toContain('again.onnx');
  });

  it('writes here what comes from an address, whatever that is', async () => {
    await mkdir(place('served'));
    for (const name of ['far.safetensors', 'a b.safetensors']) {
      await writeFile(place(join('served', name)), encodeNetwork(network, values, more));
    }
    const { address, close } = await serveFolder(place('served'));
    try {
      for (const [path, file] of [
        ['far.safetensors', /^far\.onnx$/],
        ['%2e%2e%2f%2e%2e%2fa%20b.safetensors', /^2e-2e-2f-2e-[0-9a-f]{12}\.onnx$/],
      ] as const) {
        const ended = await icnet.run(['convert', `${address}${path}`, '--to', 'onnx', '--json']);
        expect(ended).toMatchObject(fine);
        const { output } = objects(ended.stdout)[0] as { output: string };
        expect(output).toMatch(file);
        expect(await readdir(icnet.folder)).toContain(output);
      }
    } finally {
      close();
    }
  });

  it('says in a line what it does not do', async () => {
    const onnx = ['--to', 'onnx', '--output', 'refused.onnx'];
    await writeFile(place('text.onnx'), 'not a network');
    await expectRefusal(await icnet.run(['convert', 'none.safetensors', ...onnx]), 'none.safetensors');
    await expectRefusal(await icnet.run(['convert', 'text.onnx', ...onnx]), 'text.onnx');
    await expectRefusal(await icnet.run(['convert', 'text.onnx', '--to', 'safetensors']), 'text.onnx');
    await expectRefusal(await icnet.run(['convert', 'text.onnx', '--to', 'onnx']), '--output');
    const named = ['convert', 'text.onnx', '--to', 'safetensors', '--model', 'resnet18'];
    await expectRefusal(await icnet.run(named), '--model', 'resnet18');
    const unknown = await icnet.run(['convert', 'text.onnx', '--to', 'tflite']);
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    expect(unknown.stderr).toContain('onnx, safetensors');
  });
});
