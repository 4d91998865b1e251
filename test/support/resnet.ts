import type { BatchNormLayer, ConvolutionLayer, Layer, Network, Pair } from '../../src/graph/network.js';

export interface CifarResNetOptions {
  /** 6 blocks + 2. */
  readonly depth: number;
  /** Whether the convolutions of the residual blocks are IC convolutions. */
  readonly ic: boolean;
  /** Channels of the first stage. */
  readonly width: number;
  readonly classes: number;
  readonly input: Network['input'];
}

/** The CIFAR form of ResNet: three stages of basic blocks with projection shortcuts. */
export function cifarResNet({ depth, ic, width, classes, input }: CifarResNetOptions): Network {
  const layers: Layer[] = [];
  const push = (layer: Layer): string => {
    layers.push(layer);
    return layer.name;
  };
  const relu = (name: string, from: string) => push({ kind: 'relu', name, inputs: [from] });
  const convolutionAndNorm = (names: LayerNames, from: string, options: ConvolutionOptions) =>
    push(batchNorm(names[1], push(convolution(names[0], from, options))));
  const block = (prefix: string, from: string, outChannels: number, stride: number, projects: boolean) => {
    const adjust = ic ? 'output' : 'none';
    const name = (part: string) => `${prefix}.${part}`;
    const first = convolutionAndNorm([name('conv1'), name('bn1')], from, { outChannels, size: 3, stride, adjust });
    const between = relu(name('relu1'), first);
    const second = convolutionAndNorm([name('conv2'), name('bn2')], between, {
      outChannels,
      size: 3,
      stride: 1,
      adjust,
    });
    const shortcut = projects
      ? convolutionAndNorm([name('downsample.0'), name('downsample.1')], from, {
          outChannels,
          size: 1,
          stride,
          adjust: 'none',
        })
      : from;
    return relu(name('relu2'), push({ kind: 'add', name: name('add'), inputs: [second, shortcut] }));
  };

  let last = convolutionAndNorm(['conv1', 'bn1'], 'input', { outChannels: width, size: 3, stride: 1, adjust: 'none' });
  last = relu('relu', last);
  for (let stage = 0; stage < 3; stage++) {
    for (let index = 0; index < (depth - 2) / 6; index++) {
      const opens = stage > 0 && index === 0;
      last = block(`layer${stage + 1}.${index}`, last, width * 2 ** stage, opens ? 2 : 1, opens);
    }
  }
  last = push({ kind: 'meanPool', name: 'avgpool', inputs: [last], kernel: 'global', stride: [1, 1], padding: [0, 0] });
  push({ kind: 'dense', name: 'fc', inputs: [last], outFeatures: classes, bias: true });
  return { name: `${ic ? 'ic_' : ''}resnet${depth}`, input, layers };
}

/** The shape of every parameter in PyTorch's layouts, running statistics included. */
export function parameterShapes(network: Network): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  const channelsOf = new Map([['input', network.input.channels]]);
  for (const layer of network.layers) {
    let channels = channelsOf.get(layer.inputs[0]!)!;
    if (layer.kind === 'convolution') {
      shapes.set(`${layer.name}.weight`, [layer.outChannels, channels / layer.groups, ...layer.kernel]);
      if (layer.bias) shapes.set(`${layer.name}.bias`, [layer.outChannels]);
      if (layer.adjust !== 'none') {
        shapes.set(`${layer.name}.adjust`, [layer.adjust === 'output' ? layer.outChannels : channels]);
      }
      channels = layer.outChannels;
    } else if (layer.kind === 'batchNorm') {
      for (const part of ['weight', 'bias', 'running_mean', 'running_var']) {
        shapes.set(`${layer.name}.${part}`, [channels]);
      }
    } else if (layer.kind === 'dense') {
      // Behind a global pooling, where an example has as many elements as channels.
      shapes.set(`${layer.name}.weight`, [layer.outFeatures, channels]);
      if (layer.bias) shapes.set(`${layer.name}.bias`, [layer.outFeatures]);
      channels = layer.outFeatures;
    }
    channelsOf.set(layer.name, channels);
  }
  return shapes;
}

type LayerNames = readonly [convolution: string, batchNorm: string];

interface ConvolutionOptions {
  readonly outChannels: number;
  readonly size: number;
  readonly stride: number;
  readonly adjust: ConvolutionLayer['adjust'];
}

function convolution(name: string, from: string, options: ConvolutionOptions): ConvolutionLayer {
  const { outChannels, size, stride, adjust } = options;
  const both = (value: number): Pair => [value, value];
  return {
    kind: 'convolution',
    name,
    inputs: [from],
    outChannels,
    kernel: both(size),
    stride: both(stride),
    padding: both((size - 1) / 2),
    dilation: both(1),
    groups: 1,
    bias: false,
    adjust,
  };
}

function batchNorm(name: string, from: string): BatchNormLayer {
  return { kind: 'batchNorm', name, inputs: [from], epsilon: 1e-5, momentum: 0.1 };
}
