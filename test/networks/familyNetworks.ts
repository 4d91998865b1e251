import type { Network } from '../../src/graph/network.js';
import { denseNetwork } from '../../src/models/denseNet.js';
import { mobileNetV2, mobileNetwork } from '../../src/models/mobileNet.js';
import { residualNetwork } from '../../src/models/resnet.js';
import { vggNetwork } from '../../src/models/vgg.js';

interface Sizes {
  readonly input: Network['input'];
  readonly classes: number;
  readonly ic: boolean;
}

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
};
