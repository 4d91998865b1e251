import { UnsupportedError } from '../errors.js';
import type { Network } from '../graph/network.js';
import { didYouMean, loosely } from '../names.js';
import { denseNet } from './denseNet.js';
import { efficientNetB0 } from './efficientNet.js';
import { googleNet } from './googleNet.js';
import type { NetworkOptions } from './icForm.js';
import { mnasNet } from './mnasNet.js';
import { mobileNetV2 } from './mobileNet.js';
import { mobileNetV3 } from './mobileNetV3.js';
import { regNet } from './regNet.js';
import {
  type CifarOptions,
  cifarResNet,
  type ImageNetResNetOptions,
  imageNetResNet,
  isCifarDepth,
  isImageNetDepth,
} from './resnet.js';
import { shuffleNetV2 } from './shuffleNetV2.js';
import { squeezeNet } from './squeezeNet.js';
import { type VggOptions, vgg } from './vgg.js';

type Make = (options: NetworkOptions & { readonly ic: boolean }) => Network;

const residual =
  (form: Pick<ImageNetResNetOptions, 'depth' | 'groups' | 'widthPerGroup' | 'squeezeExcitation'>): Make =>
  (options) =>
    imageNetResNet({ ...options, ...form });

const vggOf =
  (form: Pick<VggOptions, 'depth' | 'batchNorm'>): Make =>
  (options) =>
    vgg({ ...options, ...form });

/** The networks besides ResNets, by the names of torchvision (SE-ResNet-50: timm) with hyphens. */
const families: Readonly<Record<string, Make>> = {
  'resnext50-32x4d': residual({ depth: 50, groups: 32, widthPerGroup: 4 }),
  'resnext101-32x8d': residual({ depth: 101, groups: 32, widthPerGroup: 8 }),
  'resnext101-64x4d': residual({ depth: 101, groups: 64, widthPerGroup: 4 }),
  'wide-resnet50-2': residual({ depth: 50, widthPerGroup: 128 }),
  'wide-resnet101-2': residual({ depth: 101, widthPerGroup: 128 }),
  seresnet50: residual({ depth: 50, squeezeExcitation: true }),
  vgg11: vggOf({ depth: 11, batchNorm: false }),
  vgg13: vggOf({ depth: 13, batchNorm: false }),
  vgg16: vggOf({ depth: 16, batchNorm: false }),
  vgg19: vggOf({ depth: 19, batchNorm: false }),
  'vgg11-bn': vggOf({ depth: 11, batchNorm: true }),
  'vgg13-bn': vggOf({ depth: 13, batchNorm: true }),
  'vgg16-bn': vggOf({ depth: 16, batchNorm: true }),
  'vgg19-bn': vggOf({ depth: 19, batchNorm: true }),
  googlenet: googleNet,
  'squeezenet1-0': (options) => squeezeNet({ ...options, version: '1.0' }),
  'squeezenet1-1': (options) => squeezeNet({ ...options, version: '1.1' }),
  'mobilenet-v2': mobileNetV2,
  'mobilenet-v3-small': (options) => mobileNetV3({ ...options, size: 'small' }),
  'mobilenet-v3-large': (options) => mobileNetV3({ ...options, size: 'large' }),
  'mnasnet0-5': (options) => mnasNet({ ...options, widthMultiplier: 0.5 }),
  'mnasnet0-75': (options) => mnasNet({ ...options, widthMultiplier: 0.75 }),
  'mnasnet1-0': (options) => mnasNet({ ...options, widthMultiplier: 1 }),
  'mnasnet1-3': (options) => mnasNet({ ...options, widthMultiplier: 1.3 }),
  'shufflenet-v2-x0-5': (options) => shuffleNetV2({ ...options, width: 0.5 }),
  'shufflenet-v2-x1-0': (options) => shuffleNetV2({ ...options, width: 1 }),
  'shufflenet-v2-x1-5': (options) => shuffleNetV2({ ...options, width: 1.5 }),
  'shufflenet-v2-x2-0': (options) => shuffleNetV2({ ...options, width: 2 }),
  'regnet-x-400mf': (options) => regNet({ ...options, variant: 'x-400mf' }),
  'regnet-y-400mf': (options) => regNet({ ...options, variant: 'y-400mf' }),
  'efficientnet-b0': efficientNetB0,
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

/** Of a name that is not known, in an error. */
const longestName = 80;

const cifarNames = [8, 14, 20, 32, 44, 56, 110].map((depth) => `resnet${depth}`);

/** The usual names that `networkByName` takes, in plain form. */
export const networkNames: readonly string[] = [...publishedNames, ...cifarNames];

/**
 * The network of a name: `resnet20`, `ic-resnet50`, `vgg16-bn`, `ic-mobilenet-v2`, ... with `ic-` ahead for the IC form. ResNets
 * of depths 18, 34, 50, 101 and 152 have the ImageNet form, `resnet50d` and its like that of timm's D variant, the others of
 * 6n + 2 the CIFAR form; `cifar-` or `imagenet-` ahead of the name asks for one of the two, as in `cifar-ic-resnet50`. Large
 * letters, hyphens and underscores make no difference: `wide_resnet50_2` and `ICResNet20` are known, too.
 *
 * @throws UnsupportedError, with the nearest name, where no network has the name, and where the CIFAR form's own options are
 * given for another form
 */
export function networkByName(name: string, options: CifarOptions = {}): Network {
  const [, ahead, plain] = /^(ic)?(.*)$/s.exec(loosely(name))!;
  const family = Object.keys(families).find((candidate) => loosely(candidate) === plain);
  if (family !== undefined) {
    refuseOptions(name, options, ['width', 'widths', 'stemStride', 'squeezeExcitation']);
    return families[family]!({ ...options, ic: ahead !== undefined });
  }
  const match = /^(cifar|imagenet)?(ic)?resnet([1-9]\d*)(d)?$/.exec(loosely(name));
  const form = match?.[1];
  const ic = match?.[2] !== undefined;
  const depth = Number(match?.[3]);
  const isD = match?.[4] !== undefined;
  if (isImageNetDepth(depth) && form !== 'cifar') {
    refuseOptions(name, options, ['width', 'widths', 'stemStride']);
    return imageNetResNet({ ...options, depth, ic, ...(isD && { variant: 'd' }) });
  }
  if (isCifarDepth(depth) && form !== 'imagenet' && !isD) return cifarResNet({ ...options, depth, ic });
  const shown = name.length > longestName ? `${name.slice(0, longestName)}...` : name;
  throw new UnsupportedError({
    operation: 'networkByName',
    parameter: 'name',
    expected:
      'a network such as resnet20, resnet50, vgg16-bn, mobilenet-v2, densenet121, or with ic- ahead its IC form',
    got: shown + didYouMean(shown, [...networkNames, ...networkNames.map((known) => `ic-${known}`)]),
  });
}

function refuseOptions(name: string, options: CifarOptions, refused: readonly (keyof CifarOptions)[]): void {
  for (const parameter of refused) {
    const value = options[parameter];
    if (value === undefined) continue;
    const expected = `no such option for ${name}`;
    throw new UnsupportedError({ operation: 'networkByName', parameter, expected, got: String(value) });
  }
}
