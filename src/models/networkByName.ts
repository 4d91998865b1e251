import { UnsupportedError } from '../errors.js';
import type { Network } from '../graph/network.js';
import { denseNet } from './denseNet.js';
import type { NetworkOptions } from './icForm.js';
import { mobileNetV2 } from './mobileNet.js';
import {
  type CifarOptions,
  cifarResNet,
  type ImageNetResNetOptions,
  imageNetResNet,
  isCifarDepth,
  isImageNetDepth,
} from './resnet.js';
import { type VggOptions, vgg } from './vgg.js';

type Make = (options: NetworkOptions & { readonly ic: boolean }) => Network;

const residual =
  (form: Pick<ImageNetResNetOptions, 'depth' | 'groups' | 'widthPerGroup'>): Make =>
  (options) =>
    imageNetResNet({ ...options, ...form });

const vggOf =
  (form: Pick<VggOptions, 'depth' | 'batchNorm'>): Make =>
  (options) =>
    vgg({ ...options, ...form });

/** The networks besides ResNets, by torchvision's names with hyphens. */
const families: Readonly<Record<string, Make>> = {
  'resnext50-32x4d': residual({ depth: 50, groups: 32, widthPerGroup: 4 }),
  'resnext101-32x8d': residual({ depth: 101, groups: 32, widthPerGroup: 8 }),
  'resnext101-64x4d': residual({ depth: 101, groups: 64, widthPerGroup: 4 }),
  'wide-resnet50-2': residual({ depth: 50, widthPerGroup: 128 }),
  'wide-resnet101-2': residual({ depth: 101, widthPerGroup: 128 }),
  vgg11: vggOf({ depth: 11, batchNorm: false }),
  vgg13: vggOf({ depth: 13, batchNorm: false }),
  vgg16: vggOf({ depth: 16, batchNorm: false }),
  vgg19: vggOf({ depth: 19, batchNorm: false }),
  'vgg11-bn': vggOf({ depth: 11, batchNorm: true }),
  'vgg13-bn': vggOf({ depth: 13, batchNorm: true }),
  'vgg16-bn': vggOf({ depth: 16, batchNorm: true }),
  'vgg19-bn': vggOf({ depth: 19, batchNorm: true }),
  'mobilenet-v2': mobileNetV2,
  densenet121: (options) => denseNet({ ...options, depth: 121 }),
  densenet161: (options) => denseNet({ ...options, depth: 161 }),
  densenet169: (options) => denseNet({ ...options, depth: 169 }),
  densenet201: (options) => denseNet({ ...options, depth: 201 }),
};

/** Names of the networks that are published with weights, in plain form; `networkByName` knows more. */
export const publishedNames: readonly string[] = [
  ...[18, 34, 50, 101, 152].flatMap((depth) => [`resnet${depth}`, `resnet${depth}d`]),
  ...Object.keys(families),
];

/**
 * The network of a name: `resnet20`, `ic-resnet50`, `vgg16-bn`, `ic-mobilenet-v2`, ... with `ic-` ahead for the IC form. ResNets
 * of depths 18, 34, 50, 101 and 152 have the ImageNet form, `resnet50d` and its like that of timm's D variant, the others of
 * 6n + 2 the CIFAR form; `cifar-` or `imagenet-` ahead of the name asks for one of the two, as in `cifar-ic-resnet50`.
 *
 * @throws UnsupportedError, listing what is known, where no network has the name, and where the CIFAR form's own
 * options are given for another form
 */
export function networkByName(name: string, options: CifarOptions = {}): Network {
  const [, ahead, plain] = /^(ic-)?(.*)$/s.exec(name)!;
  if (Object.hasOwn(families, plain!)) {
    refuseCifarOptions(name, options);
    return families[plain!]!({ ...options, ic: ahead !== undefined });
  }
  const match = /^(cifar-|imagenet-)?(ic-)?resnet([1-9]\d*)(d)?$/.exec(name);
  const form = match?.[1];
  const ic = match?.[2] !== undefined;
  const depth = Number(match?.[3]);
  const isD = match?.[4] !== undefined;
  if (isImageNetDepth(depth) && form !== 'cifar-') {
    refuseCifarOptions(name, options);
    return imageNetResNet({ ...options, depth, ic, ...(isD && { variant: 'd' }) });
  }
  if (isCifarDepth(depth) && form !== 'imagenet-' && !isD) return cifarResNet({ ...options, depth, ic });
  throw new UnsupportedError({
    operation: 'networkByName',
    parameter: 'name',
    expected:
      'resnet18, resnet34, resnet50, resnet101, resnet152 (ImageNet form; resnet18d, ... for the D variant), resnet8, resnet14, resnet20, resnet32, resnet44, ' +
      `resnet56, resnet110 or any other 6n + 2 (CIFAR form), ${Object.keys(families).join(', ')}; ic-... for the IC form; ` +
      'cifar- or imagenet- ahead of a ResNet to choose the form',
    got: name,
  });
}

function refuseCifarOptions(name: string, options: CifarOptions): void {
  for (const parameter of ['width', 'stemStride'] as const) {
    const value = options[parameter];
    if (value === undefined) continue;
    const expected = `no such option for ${name}, which is no CIFAR form`;
    throw new UnsupportedError({ operation: 'networkByName', parameter, expected, got: String(value) });
  }
}
