import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FormatError, ICError, UnsupportedError } from '../../src/errors.js';
import type { Network } from '../../src/graph/network.js';
import { createState, readState, writeState } from '../../src/graph/state.js';
import type { ByteSource, FileLike } from '../../src/io/byteSource.js';
import { decodeFloats, encodeFloats } from '../../src/io/floats.js';
import { openFile } from '../../src/io/openFile.js';
import { writeSafetensors } from '../../src/io/safetensors.js';
import { elementBytes } from '../../src/io/safetensorsHeader.js';
import { initialParameters } from '../../src/models/initialise.js';
import { cifarResNet } from '../../src/models/resnet.js';
import { toIC } from '../../src/models/toIC.js';
import { type LoadProgress, type LoadWeightsOptions, loadWeights } from '../../src/weights/load.js';
import { openWeights } from '../../src/weights/weightsFile.js';
import { everyRole, randomState } from '../graph/networks.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray } from '../support/random.js';
import { type NamedTensor, tensorsOf, weightsOf } from './files.js';

let device: GPUDevice;
let folder: string;
beforeAll(async () => {
  ({ device } = await testDevice());
  folder = await mkdtemp(join(tmpdir(), 'weights-'));
});
afterAll(async () => {
  await closeTestDevice();
  await rm(folder, { recursive: true, force: true });
});

const values = randomState(everyRole, 5);
const file = weightsOf(everyRole, values);

/** Loads into a state that holds other values before. */
async function loaded(
  network: Network,
  bytes: FileLike,
  options?: LoadWeightsOptions,
  before = randomState(network, 77),
): Promise<Map<string, Float32Array>> {
  const state = createState(device, network);
  writeState(state, before);
  try {
    await loadWeights(state, bytes, options);
    return await readState(state);
  } finally {
    state.dispose();
  }
}

async function refusal(
  network: Network,
  bytes: FileLike,
  options: LoadWeightsOptions = {},
): Promise<{ error: ICError; untouched: boolean }> {
  const state = createState(device, network);
  const before = randomState(network, 77);
  writeState(state, before);
  const error = await loadWeights(state, bytes, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  const after = await readState(state);
  state.dispose();
  expect(error).toBeInstanceOf(ICError);
  return { error: error as ICError, untouched: [...before].every(([name, data]) => same(after.get(name)!, data)) };
}

function same(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((value, index) => Object.is(value, b[index]));
}

/** The file's bytes, `step` of them a read at most, with what is asked of it noted. */
function steppedSource(bytes: Uint8Array, step: number, size: number | undefined = bytes.length) {
  const noted = { position: 0, closed: 0 };
  const source: ByteSource = {
    name: 'stepped',
    size,
    async read(offset, target) {
      expect(offset).toBeGreaterThanOrEqual(noted.position);
      expect(target.length).toBeLessThanOrEqual(step);
      const piece = bytes.subarray(offset, offset + target.length);
      target.set(piece);
      noted.position = offset + piece.length;
      return piece.length;
    },
    async close() {
      noted.closed++;
    },
  };
  return { source, noted };
}

describe('loadWeights', () => {
  it.each(['F32', 'F16', 'BF16'] as const)('takes %s exactly, in every role', async (type) => {
    const read = await loaded(everyRole, weightsOf(everyRole, values, type));
    expect([...read.keys()].sort()).toEqual([...values.keys()].sort());
    for (const [name, data] of values) {
      const exact = name.endsWith('tracked') ? data : decodeFloats(type, encodeFloats(type, data));
      expect(read.get(name), name).toEqual(exact);
    }
  });

  it('takes float64 rounded to float32', async () => {
    const wide = tensorsOf(everyRole, values).map(([name, tensor]): NamedTensor => {
      if (tensor.dtype === 'I64') return [name, tensor];
      const bytes = new Uint8Array(Float64Array.from(values.get(name)!, (value) => value * (1 + 2 ** -30)).buffer);
      return [name, { ...tensor, dtype: 'F64', bytes }];
    });
    expect((await loaded(everyRole, writeSafetensors(wide))).get('plain.weight')).toEqual(
      values.get('plain.weight')!.map((value) => Math.fround(value * (1 + 2 ** -30))),
    );
  });

  it('says what came of every entry, and how far it is', async () => {
    const state = createState(device, everyRole);
    const { version } = state;
    const steps: LoadProgress[] = [];
    const report = await loadWeights(state, file, { onProgress: (step) => steps.push(step) });
    expect(report).toMatchObject({ fresh: [], kept: [], unused: [] });
    expect([...report.loaded].sort()).toEqual([...values.keys()].sort());
    expect(state.version).toBeGreaterThan(version);
    expect(state.batchesTracked).toBe(17);
    expect(steps.map(({ tensor }) => tensor).sort()).toEqual([...values.keys()].sort());
    for (const [index, { bytes }] of steps.entries()) expect(bytes).toBeGreaterThan(steps[index - 1]?.bytes ?? 0);
    expect(steps.at(-1)!.bytes).toBe(steps[0]!.totalBytes);
    state.dispose();
  });

  it('needs no counters of batches', async () => {
    const withoutCounters = tensorsOf(everyRole, values).filter(([, { dtype }]) => dtype !== 'I64');
    const read = await loaded(everyRole, writeSafetensors(withoutCounters));
    expect(read.get('norm.num_batches_tracked')).toEqual(Float32Array.of(0));
    expect(read.get('fc.weight')).toEqual(values.get('fc.weight'));
  });

  it('takes large tensors in pieces of whole rows, in the order of the file', async () => {
    const wide: Network = {
      name: 'wide',
      input: { height: 5, width: 7, channels: 67 },
      layers: [{ kind: 'dense', name: 'fc', inputs: ['input'], outFeatures: 701, bias: true }],
    };
    const own = new Map([
      ['fc.weight', randomArray(701 * 5 * 7 * 67, 1)],
      ['fc.bias', randomArray(701, 2)],
    ]);
    const { source, noted } = steppedSource(weightsOf(wide, own), 4 * 2 ** 20);
    const read = await loaded(wide, source, {}, new Map(Array.from(own, ([name, data]) => [name, data.map(() => 5)])));
    for (const [name, data] of own) expect(same(read.get(name)!, data), name).toBe(true);
    expect(noted.closed).toBeGreaterThan(0);
  });
});

describe('weights from elsewhere', () => {
  let server: Server;
  let address: string;
  /** Called when the server will send no more of a file that it has begun. */
  let fallSilent = (): void => {};
  beforeAll(async () => {
    server = createServer((request, response) => {
      const half = Math.floor(file.length / 2);
      if (request.url === '/none.safetensors') response.writeHead(404).end('no such file');
      if (request.url === '/known.safetensors') response.writeHead(200, { 'content-length': file.length }).end(file);
      if (request.url === '/unknown.safetensors') {
        response.write(file.subarray(0, 3), () => {
          response.write(file.subarray(3, half), () => response.end(file.subarray(half)));
        });
      }
      if (request.url === '/zipped.safetensors') {
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(file));
      }
      if (request.url === '/longer.safetensors') {
        response.write(file);
        response.end('x');
      }
      if (request.url === '/shorter.safetensors') {
        response.write(file.subarray(0, half));
        response.end();
      }
      if (request.url === '/broken.safetensors') {
        const sent = response.writeHead(200, { 'content-length': file.length });
        sent.write(file.subarray(0, half), () => response.destroy());
      }
      if (request.url === '/stuck.safetensors') response.write(file.subarray(0, half), () => fallSilent());
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it.each([
    ['a Blob', async () => new Blob([file as Uint8Array<ArrayBuffer>])],
    ['a File', async () => new File([file as Uint8Array<ArrayBuffer>], 'a.safetensors')],
    [
      'a path',
      async () => {
        const path = join(folder, 'path.safetensors');
        await writeFile(path, file);
        return openFile(path);
      },
    ],
    ['a URL of known length', async () => new URL('/known.safetensors', address)],
    ['a URL of unknown length', async () => new URL('/unknown.safetensors', address)],
    ['a compressed URL', async () => new URL('/zipped.safetensors', address)],
    ['an opened file', async () => openWeights(file)],
  ])('come from %s', async (_, source) => {
    const read = await loaded(everyRole, (await source()) as FileLike);
    for (const [name, data] of values) expect(read.get(name), name).toEqual(data);
  });

  it.each([
    ['none', '404'],
    ['longer', 'all in tensors'],
    ['shorter', 'then the end'],
    ['broken', 'the rest of it'],
  ])('are refused from a server that sends %s', async (name, words) => {
    const { error } = await refusal(everyRole, new URL(`/${name}.safetensors`, address));
    expect(error.message).toContain(words);
    expect(error.message).toContain(`${name}.safetensors`);
  });

  it('end with the signal, even where the server has fallen silent', async () => {
    const controller = new AbortController();
    const state = createState(device, everyRole);
    const silent = new Promise<void>((done) => {
      fallSilent = done;
    });
    const loading = loadWeights(state, new URL('/stuck.safetensors', address), { signal: controller.signal });
    await silent;
    controller.abort(new Error('enough'));
    await expect(loading).rejects.toThrow('enough');
    state.dispose();
  });

  it('end with the signal between two tensors and close the file', async () => {
    const controller = new AbortController();
    const state = createState(device, everyRole);
    const { source, noted } = steppedSource(file, file.length);
    const loading = loadWeights(state, source, {
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('enough')),
    });
    await expect(loading).rejects.toThrow('enough');
    expect(noted.position).toBeLessThan(file.length);
    expect(noted.closed).toBeGreaterThan(0);
    await expect(loadWeights(state, file, { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow(
      'before',
    );
    state.dispose();
  });
});

describe('a mapping', () => {
  const plain = cifarResNet({ depth: 8, ic: false, width: 4, classes: 7 });
  const plainValues = randomState(plain, 9);

  it('loads plain weights into the IC form, whose recalibration starts afresh', async () => {
    const ic = toIC(plain);
    const isAdjust = (name: string): boolean => name.endsWith('.adjust');
    const read = await loaded(ic, weightsOf(plain, plainValues), { fresh: isAdjust, seed: 3 });
    const started = initialParameters(ic, 3);
    for (const [name, data] of read) {
      const expected = isAdjust(name) ? started.get(name)! : plainValues.get(name)!;
      expect(same(data, expected), name).toBe(true);
    }
    expect([...read.keys()].filter(isAdjust).length).toBeGreaterThan(5);

    const { error, untouched } = await refusal(ic, weightsOf(plain, plainValues));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.got).toMatch(/^that of the plain network; missing: conv1\.adjust, (\S+, )\S+ and 6 more$/);
    expect(untouched).toBe(true);
  });

  it.each([
    [{ depth: 8, width: 4 }, {}, 'that of a network of width 4, not 16'],
    [
      { depth: 8, input: { height: 8, width: 8, channels: 1 } },
      {},
      'that of a network for images of 1 channels, not 3',
    ],
    [{ depth: 14 }, {}, 'that of a larger network'],
    [{ depth: 8 }, { depth: 14 }, 'that of a smaller network'],
    [{ depth: 8, ic: true }, {}, 'that of the IC network'],
    [{ depth: 8, ic: true, offset: true }, {}, 'that of the IC network'],
    [{ depth: 8, ic: true, offset: true }, { ic: true }, 'that of the network with offsets'],
    [{ depth: 8, ic: true }, { ic: true, offset: true }, 'that of the network without offsets'],
    [{ depth: 8 }, { ic: true, offset: true }, 'that of the plain network'],
    [{ depth: 8, ic: true, adjust: 'input' as const }, { ic: true }, 'the other form of recalibration weights'],
  ])('says in a short line what the file probably is: %j in %j', async (own, wanted, cause) => {
    const given = cifarResNet({ ic: false, ...own });
    const network = cifarResNet({ depth: 8, ic: false, ...wanted });
    const { error } = await refusal(network, weightsOf(given, initialParameters(given, 1)));
    expect(error.got).toContain(cause);
    expect(error.got.match(/weight|adjust|offset|running|bias/g)!.length).toBeLessThan(7);
    expect(error.message.length).toBeLessThan(400);
  });

  it('replaces the head when asked, and says so when not', async () => {
    const other = cifarResNet({ depth: 8, ic: false, width: 4, classes: 3 });
    const { error, untouched } = await refusal(other, weightsOf(plain, plainValues));
    expect(error.got).toBe(
      'that of a network of 7 classes, not 3; of another shape: fc.weight ([7,16] instead of [3,16]), fc.bias ([7] instead of [3])',
    );
    expect(error.expected).toContain('replace the head');
    expect(untouched).toBe(true);

    const read = await loaded(other, weightsOf(plain, plainValues), { replaceHead: true, seed: 4 });
    const started = initialParameters(other, 4);
    for (const name of ['fc.weight', 'fc.bias']) expect(read.get(name)).toEqual(started.get(name));
    expect(read.get('layer3.0.conv2.weight')).toEqual(plainValues.get('layer3.0.conv2.weight'));
    const state = createState(device, other);
    const report = await loadWeights(state, weightsOf(plain, plainValues), { replaceHead: true });
    expect(report).toMatchObject({ fresh: ['fc.weight', 'fc.bias'], unused: ['fc.weight', 'fc.bias'] });
    state.dispose();
  });

  it('renames by a list and by a function', async () => {
    const prefixed = tensorsOf(everyRole, values).map(([name, tensor]): NamedTensor => [`module.${name}`, tensor]);
    const rename = (name: string): string => name.replace(/^module\./, '');
    const { error } = await refusal(everyRole, writeSafetensors(prefixed));
    expect(error.got).toMatch(/^names with "module\." ahead; left over: module\.plain\.weight and /);
    expect(error.got).toContain('missing: plain.weight and ');
    expect((await loaded(everyRole, writeSafetensors(prefixed), { rename })).get('fc.bias')).toEqual(
      values.get('fc.bias'),
    );

    const swapped = tensorsOf(everyRole, values).map(
      ([name, tensor]): NamedTensor => [name === 'fc.bias' ? 'classifier.b' : name, tensor],
    );
    const read = await loaded(everyRole, writeSafetensors(swapped), { rename: { 'classifier.b': 'fc.bias' } });
    expect(read.get('fc.bias')).toEqual(values.get('fc.bias'));
  });

  it('keeps and leaves out what it says, and nothing else', async () => {
    const before = randomState(everyRole, 77);
    const tensors = tensorsOf(everyRole, values).filter(([name]) => name !== 'plain.bias');
    tensors.push(['optimizer.momentum', { dtype: 'U8', shape: [3], bytes: Uint8Array.of(1, 2, 3) }]);
    const bytes = writeSafetensors(tensors);
    const read = await loaded(everyRole, bytes, { keep: ['plain.bias'], unused: ['optimizer.momentum'] }, before);
    expect(read.get('plain.bias')).toEqual(before.get('plain.bias'));
    expect(read.get('plain.weight')).toEqual(values.get('plain.weight'));
    expect((await refusal(everyRole, bytes, { keep: ['plain.bias'] })).error.got).toBe('left over: optimizer.momentum');
    const { error } = await refusal(everyRole, bytes, { unused: (name) => name.startsWith('optimizer.') });
    expect(error.got).toBe('missing: plain.bias');
  });

  it.each([
    ['rename', { rename: { 'fc.wait': 'fc.weight' } }],
    ['unused', { unused: ['fc.wait'] }],
    ['fresh', { fresh: ['fc.weight', 'fc.wait'] }],
    ['keep', { keep: ['fc.wait'] }],
  ])('that names what is not there in %s is refused', async (parameter, mapping) => {
    const { error, untouched } = await refusal(everyRole, file, mapping as LoadWeightsOptions);
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error).toMatchObject({ parameter, got: 'fc.wait' });
    expect(untouched).toBe(true);
  });

  it('that gives one entry two tensors is refused', async () => {
    const rename = { 'plain.bias': 'fc.bias' };
    expect((await refusal(everyRole, file, { rename })).error.got).toContain('twice: fc.bias');
  });
});

describe('a file of weights that is not sound', () => {
  const changed = (name: string, change: (tensor: NamedTensor[1]) => NamedTensor[1]): Uint8Array =>
    writeSafetensors(
      tensorsOf(everyRole, values).map(([key, tensor]): NamedTensor => [key, key === name ? change(tensor) : tensor]),
    );
  const withNumber = (name: string, element: number, value: number): Uint8Array =>
    changed(name, (tensor) => {
      const bytes = tensor.bytes.slice();
      new DataView(bytes.buffer).setFloat32(element * 4, value, true);
      return { ...tensor, bytes };
    });

  it.each([
    ['plain.weight', 20, Number.NaN, 'a finite number'],
    ['fc.weight', 419, Number.POSITIVE_INFINITY, 'a finite number'],
    ['norm.running_var', 3, -0.5, 'from 0 up'],
  ])('has a number that is refused: %s, element %i, %d', async (name, element, value, words) => {
    const { error } = await refusal(everyRole, withNumber(name, element, value));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.parameter).toMatch(new RegExp(`tensor ${name}, element ${element}$`));
    expect(error.message).toContain(words);
  });

  it('has a count below 0', async () => {
    const bytes = changed('norm.num_batches_tracked', (tensor) => ({
      ...tensor,
      bytes: new Uint8Array(BigInt64Array.of(-5n).buffer),
    }));
    expect((await refusal(everyRole, bytes)).error.got).toBe('-5');
  });

  it('has integers, or dimensions that only seem to fit', async () => {
    const integers = changed('fc.bias', (tensor) => ({ ...tensor, dtype: 'I32' }));
    const { error, untouched } = await refusal(everyRole, integers);
    expect(error.got).toBe('of a type that is not computed with: fc.bias (I32)');
    expect(untouched).toBe(true);
    const flat = changed('plain.weight', (tensor) => ({ ...tensor, shape: [6, 27] }));
    expect((await refusal(everyRole, flat)).error.got).toContain('plain.weight ([6,27] instead of [6,3,3,3])');
  });

  it.each(['F8_E4M3', 'F6_E2M3', 'F4', 'C64', 'U64', 'BOOL'] as const)('has %s where it is needed', async (dtype) => {
    const bytes = new Uint8Array(420 * elementBytes[dtype]);
    const { error } = await refusal(
      everyRole,
      changed('fc.weight', ({ shape }) => ({ dtype, shape, bytes })),
    );
    expect(error.got).toContain(`fc.weight (${dtype})`);
  });

  it.each(['F8_E5M2', 'F4', 'C64'] as const)('has %s where it is not needed, which does not matter', async (dtype) => {
    const other = { dtype, shape: [8], bytes: new Uint8Array(8 * elementBytes[dtype]) };
    const mixed = writeSafetensors([['quantised', other], ...tensorsOf(everyRole, values)]);
    const state = createState(device, everyRole);
    expect((await loadWeights(state, mixed, { unused: ['quantised'] })).unused).toEqual(['quantised']);
    state.dispose();
  });

  it('is cut short anywhere', async () => {
    for (let length = 0; length < file.length; length += 97) {
      await expect(openWeights(file.subarray(0, length)), `${length} bytes`).rejects.toBeInstanceOf(FormatError);
    }
  });

  it('lists no more names, and no longer ones, than one reads', async () => {
    const many = tensorsOf(everyRole, values);
    for (let index = 0; index < 1000; index++) {
      many.push([`${index}\n${'x'.repeat(5000)}`, { dtype: 'U8', shape: [0], bytes: new Uint8Array() }]);
    }
    const { error } = await refusal(everyRole, writeSafetensors(many));
    expect(error.got).toContain('and 997 more');
    expect(error.message.length).toBeLessThan(600);
    expect(error.message).not.toContain('\n');
  });

  it.each([
    ['what torch.save writes', 'PK\u0003\u0004, and more than eight bytes', 'save_file'],
    ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:0', 'git lfs pull'],
  ])('is %s', async (_, text, words) => {
    await expect(openWeights(new TextEncoder().encode(text), { name: 'w.pth' })).rejects.toThrow(words);
  });
});
