import type { Network } from '../../src/graph/network.js';
import { denseNetwork } from '../../src/models/denseNet.js';
import { efficientNetwork } from '../../src/models/efficientNet.js';
import { googleNetwork } from '../../src/models/googleNet.js';
import { mnasNet, mnasNetwork } from '../../src/models/mnasNet.js';
import { mobileNetV2, mobileNetwork } from '../../src/models/mobileNet.js';
import { mobileNetV3Network } from '../../src/models/mobileNetV3.js';
import { regNetwork } from '../../src/models/regNet.js';
import { residualNetwork } from '../../src/models/resnet.js';
import { shuffleNetwork } from '../../src/models/shuffleNetV2.js';
import { squeezeNetwork } from '../../src/models/squeezeNet.js';
import { vggNetwork } from '../../src/models/vgg.js';

interface Sizes {
  readonly input: Network['input'];
  readonly classes: number;
  readonly ic: boolean;
}

const regNetStages = [
  [16, 1],
  [24, 2],
  [40, 1],
] as const;

/** The small networks of test/golden/families.py. */
export const goldenFamilies: Readonly<Record<string, (sizes: Sizes) => Network>> = {
  vgg: (sizes) => vggNetwork({ name: 'vgg', stages: [1, 1, 1, 1, 2], width: 8, hidden: 24, batchNorm: true }, sizes),
  resnext: (sizes) =>
    residualNetwork(
      { name: 'resnext', kind: 'bottleneck', blocks: [1, 1, 1, 1], width: 64, groups: 4, widthPerGroup: 8 },
      sizes,
    ),
  mobilenet: (sizes) => mobileNetV2({ ...sizes, widthMultiplier: 0.25 }),
  densenet: (sizes) => denseNetwork({ name: 'densenet', stem: 12, growth: 8, blocks: [2, 3, 2] }, sizes),
  seresnet: (sizes) =>
    residualNetwork(
      {
        ...{ name: 'seresnet', kind: 'bottleneck', blocks: [1, 1, 1, 1], width: 64, groups: 1, widthPerGroup: 64 },
        squeezeExcitation: true,
      },
      sizes,
    ),
  'mobilenet-v3': (sizes) =>
    mobileNetV3Network(
      {
        name: 'mobilenet-v3',
        hidden: 40,
        blocks: [
          [3, 16, 16, 'SE', 'RE', 1],
          [3, 40, 24, '-', 'RE', 2],
          [5, 72, 24, 'SE', 'HS', 1],
          [5, 48, 32, 'SE', 'HS', 2],
        ],
      },
      sizes,
    ),
  efficientnet: (sizes) =>
    efficientNetwork(
      {
        name: 'efficientnet',
        stem: 8,
        stages: [
          [1, 3, 1, 8, 1],
          [6, 3, 2, 16, 2],
          [4, 5, 2, 24, 2],
        ],
      },
      sizes,
    ),
  mnasnet: (sizes) => mnasNet({ ...sizes, widthMultiplier: 0.25 }),
  shufflenet: (sizes) =>
    shuffleNetwork(
      {
        name: 'shufflenet',
        stages: [
          [16, 2],
          [32, 3],
          [48, 1],
        ],
        last: 40,
      },
      sizes,
    ),
  'regnet-x': (sizes) => regNetwork({ name: 'regnet-x', stages: regNetStages, groupWidth: 8 }, sizes),
  'regnet-y': (sizes) =>
    regNetwork({ name: 'regnet-y', stages: regNetStages, groupWidth: 4, excitationRatio: 1 / 4 }, sizes),
  squeezenet: (sizes) =>
    squeezeNetwork({ name: 'squeezenet', stem: { outChannels: 12, kernel: 5 }, stages: [[4, 6], [8]] }, sizes),
  googlenet: (sizes) =>
    googleNetwork(
      {
        name: 'googlenet',
        stem: [8, 8, 12],
        stages: [
          [
            [6, 4, 8, 2, 4, 4],
            [8, 6, 8, 4, 8, 4],
          ],
          [[8, 4, 8, 4, 6, 6]],
          [[8, 6, 12, 4, 8, 4]],
        ],
      },
      sizes,
    ),
};

/** Smaller ones, for the device: few shapes, since each is a kernel to compile. */
export const deviceFamilies: Readonly<Record<string, (ic: boolean) => Network>> = {
  vgg: (ic) =>
    vggNetwork(
      { name: 'vgg', stages: [1, 2], width: 8, hidden: 12, batchNorm: true },
      { ic, classes: 5, input: { height: 8, width: 12, channels: 3 } },
    ),
  'vgg without batch norm': (ic) =>
    vggNetwork(
      { name: 'vgg', stages: [2], width: 4, hidden: 6, batchNorm: false },
      { ic, classes: 5, input: { height: 14, width: 28, channels: 3 } },
    ),
  resnext: (ic) =>
    residualNetwork(
      { name: 'resnext', kind: 'bottleneck', blocks: [1, 1], width: 8, groups: 2, widthPerGroup: 32 },
      { ic, classes: 5, input: { height: 17, width: 20, channels: 3 } },
    ),
  'wide-resnet': (ic) =>
    residualNetwork(
      { name: 'wide', kind: 'bottleneck', blocks: [1], width: 8, groups: 1, widthPerGroup: 128 },
      { ic, classes: 5, input: { height: 16, width: 16, channels: 3 } },
    ),
  mobilenet: (ic) =>
    mobileNetwork(
      {
        name: 'mobilenet',
        widthMultiplier: 0.25,
        last: 24,
        stages: [
          { expansion: 1, outChannels: 8, blocks: 1, stride: 1 },
          { expansion: 6, outChannels: 8, blocks: 1, stride: 1 },
          { expansion: 6, outChannels: 16, blocks: 1, stride: 2 },
        ],
      },
      { ic, classes: 5, input: { height: 12, width: 14, channels: 3 } },
    ),
  densenet: (ic) =>
    denseNetwork(
      { name: 'densenet', stem: 6, growth: 4, blocks: [2, 1] },
      { ic, classes: 5, input: { height: 16, width: 19, channels: 3 } },
    ),
  seresnet: (ic) =>
    residualNetwork(
      {
        ...{ name: 'seresnet', kind: 'bottleneck', blocks: [1, 1], width: 8, groups: 1, widthPerGroup: 32 },
        squeezeExcitation: true,
      },
      { ic, classes: 5, input: { height: 17, width: 20, channels: 3 } },
    ),
  'mobilenet-v3': (ic) =>
    mobileNetV3Network(
      {
        name: 'mobilenet-v3',
        hidden: 12,
        blocks: [
          [3, 16, 16, 'SE', 'RE', 1],
          [5, 24, 12, 'SE', 'HS', 2],
          [3, 32, 12, '-', 'HS', 1],
        ],
      },
      { ic, classes: 5, input: { height: 14, width: 12, channels: 3 } },
    ),
  efficientnet: (ic) =>
    efficientNetwork(
      {
        name: 'efficientnet',
        stem: 8,
        stages: [
          [1, 3, 1, 8, 1],
          [4, 5, 2, 12, 1],
        ],
      },
      { ic, classes: 5, input: { height: 14, width: 12, channels: 3 } },
    ),
  mnasnet: (ic) =>
    mnasNetwork(
      {
        name: 'mnasnet',
        widthMultiplier: 0.5,
        stages: [
          [3, 5, 2, 16, 1],
          [3, 3, 1, 16, 1],
        ],
        last: 20,
      },
      { ic, classes: 5, input: { height: 12, width: 14, channels: 3 } },
    ),
  shufflenet: (ic) =>
    shuffleNetwork(
      { name: 'shufflenet', stages: [[20, 3]], last: 16 },
      { ic, classes: 5, input: { height: 20, width: 17, channels: 3 } },
    ),
  regnet: (ic) =>
    regNetwork(
      {
        name: 'regnet',
        stages: [
          [12, 1],
          [20, 2],
        ],
        groupWidth: 4,
        excitationRatio: 1 / 4,
      },
      { ic, classes: 5, input: { height: 17, width: 20, channels: 3 } },
    ),
  squeezenet: (ic) =>
    squeezeNetwork(
      { name: 'squeezenet', stem: { outChannels: 12, kernel: 3 }, stages: [[4], [6]] },
      { ic, classes: 5, input: { height: 21, width: 18, channels: 3 } },
    ),
  googlenet: (ic) =>
    googleNetwork(
      {
        name: 'googlenet',
        stem: [8, 6, 10],
        stages: [[[4, 4, 6, 2, 4, 4]], [[6, 4, 8, 2, 3, 5]]],
      },
      { ic, classes: 5, input: { height: 40, width: 35, channels: 3 } },
    ),
};
