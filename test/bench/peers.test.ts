import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-web';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convolutionNetwork, convolutionState, fromPlanes, toPlanes } from '../../bench/peers/layouts.js';
import { openPeers } from '../../bench/peers/libraries.js';
import { cpuPeer } from '../../bench/peers/onnxRuntime.js';
import { loadOptionalPackage } from '../../bench/peers/optionalPackage.js';
import { versionIn, versionsOf } from '../../bench/provenance.js';
import { reportLines } from '../../bench/report/table.js';
import { runTasks } from '../../bench/run.js';
import { checkSame, magnitude } from '../../src/compare/check.js';
import {
  bindOperation,
  type ConvolutionPass,
  convolutionCase,
  oursInference,
  oursTraining,
  planPass,
} from '../../src/compare/ours.js';
import type { Peer } from '../../src/compare/peers/peer.js';
import { convolutionTasks } from '../../src/compare/suites/conv.js';
import { icTasks } from '../../src/compare/suites/ic.js';
import { seededState, uniformValues } from '../../src/compare/values.js';
import { UnsupportedError } from '../../src/errors.js';
import type { ConvolutionLayer, Network } from '../../src/graph/network.js';
import type { CompleteConvolution } from '../../src/ops/convolution/shape.js';
import { createOutput } from '../../src/terminal/output.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { report } from './rows.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const passes: readonly ConvolutionPass[] = ['forward', 'inputGradient', 'filterGradient'];

/** Odd sizes, so that no two axes can be taken for each other. */
const shape: CompleteConvolution = {
  batch: 2,
  inHeight: 7,
  inWidth: 6,
  inChannels: 4,
  outChannels: 6,
  kernel: [3, 2],
  stride: [2, 1],
  padding: [1, 0],
  dilation: [1, 1],
  groups: 2,
};

/** The kinds of layers that the bench's networks have, of which those that train have no max pool. */
function small(maxPool: boolean): Network {
  const window = { inputs: ['relu'], kernel: [3, 3], stride: [2, 2], padding: [1, 1] } as const;
  return {
    name: 'small',
    input: { height: 9, width: 8, channels: 3 },
    layers: [
      layer('stem', 'input', 4, { adjust: 'output' }),
      { kind: 'batchNorm', name: 'norm', inputs: ['stem'], epsilon: 1e-5, momentum: 0.1 },
      { kind: 'relu', name: 'relu', inputs: ['norm'], maximum: 6 },
      maxPool
        ? { kind: 'maxPool', name: 'halved', ...window }
        : layer('halved', 'relu', 4, { ...window, adjust: 'output' }),
      layer('depthwise', 'halved', 4, { groups: 4, adjust: 'output' }),
      { kind: 'batchNorm', name: 'second', inputs: ['depthwise'], epsilon: 1e-5, momentum: 0.1 },
      { kind: 'add', name: 'sum', inputs: ['second', 'halved'] },
      { kind: 'relu', name: 'last', inputs: ['sum'] },
      { kind: 'meanPool', name: 'mean', inputs: ['last'], kernel: 'global', stride: [1, 1], padding: [0, 0] },
      { kind: 'dense', name: 'dense', inputs: ['mean'], outFeatures: 5, bias: true },
    ],
  };
}

function layer(name: string, input: string, outChannels: number, more: Partial<ConvolutionLayer>): ConvolutionLayer {
  const same = { kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1] } as const;
  return {
    kind: 'convolution',
    name,
    inputs: [input],
    outChannels,
    ...same,
    groups: 1,
    bias: false,
    adjust: 'none',
    ...more,
  };
}

describe('A package that whoever compares adds', () => {
  it('is named with the command that adds it', () => {
    const load = () => loadOptionalPackage('no-such-package', 'npm install --no-save no-such-package');
    expect(load).toThrow(UnsupportedError);
    expect(load).toThrow(
      /^bench: no-such-package: expected it to be installed \(npm install --no-save no-such-package\), got Cannot find module 'no-such-package'$/,
    );
  });

  it('is loaded where it is there', () => {
    expect(loadOptionalPackage('commander', 'npm ci')).toHaveProperty('Command');
  });
});

describe('Versions', () => {
  it('are unknown where they cannot be read, and cost nothing else', () => {
    const folder = mkdtempSync(join(tmpdir(), 'icnet-versions-'));
    const packageOf = (name: string, text: string): string => {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'package.json'), text);
      return join(folder, name);
    };
    try {
      const good = packageOf('good', '{"version":"1.2.3","exports":{}}');
      expect(versionIn([join(folder, 'missing'), good])).toBe('1.2.3');
      expect(versionIn([packageOf('broken', '{"version":')])).toBe('unknown');
      expect(versionIn([packageOf('without', '{}')])).toBe('unknown');
      expect(versionIn([join(folder, 'missing')])).toBe('unknown');
      expect(versionIn([])).toBe('unknown');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('are found of packages that do not export their package.json', () => {
    const versions = versionsOf(['@jax-js/jax', 'no-such-package']);
    expect(versions).toMatchObject({ node: process.versions.node, 'no-such-package': 'unknown' });
    expect(versions['@jax-js/jax']).toMatch(/^\d+\.\d+\.\d+$/);
  });
});

describe('Layouts', () => {
  it('go to planes and back', () => {
    const images = Float32Array.from({ length: 2 * 5 * 3 }, (_, i) => i);
    const planes = toPlanes(images, 2, 3);
    expect([...planes.subarray(0, 6)]).toEqual([0, 3, 6, 9, 12, 1]);
    expect(planes[15]).toBe(15);
    expect(fromPlanes(planes, 2, 3)).toEqual(images);
  });

  it('give a convolution as a network its own filters', async () => {
    const { values, terms } = convolutionCase(shape, 'forward');
    const adjust = uniformValues(shape.outChannels, 4);
    const single = convolutionNetwork(shape, 'output');
    const state = convolutionState(shape, { ...values, adjust });
    const whole = await oursInference({ device }, single, shape.batch, state, values.input!);
    const plan = await planPass({ device }, shape, 'forward', 'output');
    const operation = await bindOperation(device, plan, { ...values, adjust });
    for (const one of [whole, operation]) one.submit(1);
    checkSame(await whole.output(), await operation.output(), 1e-6 * terms);
    for (const one of [whole, operation]) one.dispose();
  });
});

describe('The bench', () => {
  const name = 'resnet20 b32 1x1/2 16x16 32->64';
  const tasks = [...convolutionTasks(), ...icTasks()].filter((task) => task.name === name);

  /** A peer that computes forward passes alone, and says that of every element. */
  function constant(peerName: string, value: number, dispose: () => void): Peer {
    return {
      library: 'fake',
      name: peerName,
      version: 'unknown',
      waiting: 'in the test',
      sharesDevice: false,
      convolution: {
        forward: ({ batch, inHeight, inWidth, outChannels }, { filter }) => {
          filter!.fill(0);
          return {
            submit: async () => {},
            finished: async () => {},
            output: async () => new Float32Array((batch * inHeight * inWidth * outChannels) / 4).fill(value),
            dispose,
          };
        },
      },
    };
  }

  it('compares with whoever computes the same, and keeps what one peer fails at from the others', async () => {
    const lived = { made: 0, reset: 0 };
    const right: Peer = {
      ...constant('Right', 0, () => {}),
      convolution: {
        async forward(given, values) {
          lived.made += 1;
          const operation = await bindOperation(device, await planPass({ device }, given, 'forward'), values);
          return {
            ...operation,
            async output() {
              operation.submit(1);
              return operation.output();
            },
            dispose() {
              lived.made -= 1;
              operation.dispose();
            },
          };
        },
      },
      reset: async () => {
        expect(lived.made).toBe(0);
        lived.reset += 1;
      },
    };
    const wrong = constant('Wrong', 7, () => {});
    const output = { ...createOutput(true), say: () => {} };
    const given = { device, ours: { device }, seconds: 0.01 };
    const found = await runTasks(tasks, [right, wrong], given, output, new AbortController().signal);
    const peerName = (one: (typeof found.rows)[number]) => `${one.suite} ${one.pass} ${one.peer?.name}`;
    expect(found.rows.map(peerName)).toEqual(['conv forward Right', 'ic forward plain convolution']);
    expect(found.rows[0]!.peer).toEqual({ name: 'Right', version: 'unknown', waiting: 'in the test' });
    expect(found.rows[0]!.samples.peer.length).toBe(found.rows[0]!.samples.ours.length);
    expect(found.failures).toMatchObject([{ suite: 'conv', pass: 'forward', peer: 'Wrong' }]);
    expect(found.failures[0]!.message).toMatch(/^results differ: .* and 7 at/);
    expect(found).toMatchObject({ incomparable: 2, leftOut: 0 });
    expect(lived).toEqual({ made: 0, reset: 1 });
    expect(reportLines(report(found)).join('\n')).toContain('Right unknown waits in the test.');
  });
});

describe('jax-js', () => {
  let jax: Peer;

  beforeAll(async () => {
    [jax] = (await openPeers(['jax'], { device, naps: true })) as [Peer];
  });

  it('says who it is', () => {
    expect(jax).toMatchObject({ library: 'jax', name: 'jax-js', sharesDevice: true });
    expect(jax.version).toBe(versionsOf(['@jax-js/jax'])['@jax-js/jax']);
    expect(jax.waiting).not.toBe('');
  });

  it.each(passes)('computes the %s pass that ours computes', async (pass) => {
    // Its input gradients are wrong on WebGPU where the stride is not 1, which the bench finds by itself.
    const stride = pass === 'inputGradient' ? ([1, 1] as const) : shape.stride;
    for (const groups of [1, 2, 4]) {
      const given = { ...shape, stride, groups, outChannels: groups === 4 ? 4 : 6 };
      const { values, terms } = convolutionCase(given, pass);
      const ours = await bindOperation(device, await planPass({ device }, given, pass), values);
      const theirs = await jax.convolution[pass]!(given, values);
      ours.submit(1);
      checkSame(await ours.output(), await theirs.output(), 1e-6 * terms);
      await theirs.submit(2);
      await device.queue.onSubmittedWorkDone();
      for (const one of [ours, theirs]) one.dispose();
    }
  });

  it('computes the network that ours computes', () => expectSameNetwork(jax));

  it('learns as ours does', async () => {
    const network = small(false);
    const given = [
      network,
      seededState(network, 1),
      uniformValues(4 * 9 * 8 * 3, 5),
      Uint32Array.of(0, 3, 1, 4),
    ] as const;
    const settings = { learningRate: 0.01, momentum: 0.9 };
    const ours = await oursTraining({ device }, ...given, settings);
    const theirs = await jax.training!(...given, settings);
    for (let step = 0; step < 3; step++) expect(await theirs.step()).toBeCloseTo(await ours.step(), 5);
    await theirs.submit(2);
    await device.queue.onSubmittedWorkDone();
    for (const one of [ours, theirs]) one.dispose();
  });
});

/** Holds a network of a peer to the same one of ours. */
async function expectSameNetwork(peer: Peer): Promise<void> {
  const network = small(true);
  const values = seededState(network, 1);
  const images = uniformValues(2 * 9 * 8 * 3, 5);
  const ours = await oursInference({ device }, network, 2, values, images);
  const theirs = await peer.inference!(network, 2, values, images);
  ours.submit(1);
  const logits = await ours.output();
  checkSame(logits, await theirs.output(), 1e-5 * magnitude(logits));
  for (const one of [ours, theirs]) one.dispose();
}

describe('ONNX Runtime', () => {
  // The package for browsers, which has the interface of the one for Node.
  ort.env.logLevel = 'error';
  ort.env.wasm.numThreads = 1;
  const peer = cpuPeer(ort);

  it('says who it is', () => {
    expect(peer).toMatchObject({ library: 'onnxruntime', name: 'ONNX Runtime, CPU', sharesDevice: false });
    expect(Object.keys(peer.convolution)).toEqual(['forward']);
    expect(peer.training).toBeUndefined();
  });

  it('computes the convolutions that ours computes, plain and IC', async () => {
    const { values, terms } = convolutionCase(shape, 'forward');
    const adjust = uniformValues(shape.outChannels, 4);
    for (const mode of ['none', 'output'] as const) {
      const given = mode === 'none' ? values : { ...values, adjust };
      const ours = await bindOperation(device, await planPass({ device }, shape, 'forward', mode), given);
      const theirs = await (mode === 'none' ? peer.convolution.forward! : peer.icConvolution!)(shape, given);
      ours.submit(1);
      checkSame(await ours.output(), await theirs.output(), 1e-6 * terms);
      await theirs.submit(2);
      await theirs.finished!();
      for (const one of [ours, theirs]) one.dispose();
    }
  });

  it('computes the network that ours computes', () => expectSameNetwork(peer));
});
