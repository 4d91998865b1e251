import { ShapeError } from '../errors.js';
import type { Layer, Network } from '../graph/network.js';
import { inferShapes } from '../graph/shapes.js';
import { finished, imageNetInput, type NetworkOptions } from './icForm.js';
import { batchNorm, convolution, dense, nameOfLast, pool, relu } from './layers.js';

/** Layers with weights of the networks of arXiv 1409.1556. */
export type VggDepth = 11 | 13 | 16 | 19;

export interface VggOptions extends NetworkOptions {
  /** Layers with weights. */
  readonly depth: VggDepth;
  /** Whether a batch norm follows every convolution. */
  readonly batchNorm: boolean;
  /** Whether convolutions are IC, or all plain. */
  readonly ic: boolean;
}

/** What one VGG differs from another in. */
export interface VggForm {
  readonly name: string;
  /** Convolutions of each stage. */
  readonly stages: readonly number[];
  /** Channels of the first stage; doubled from stage to stage up to eight times as many. */
  readonly width: number;
  /** Outputs of the first two dense layers. */
  readonly hidden: number;
  readonly batchNorm: boolean;
}

const stagesOf: Readonly<Record<VggDepth, readonly number[]>> = {
  11: [1, 1, 2, 2, 2],
  13: [2, 2, 2, 2, 2],
  16: [2, 2, 3, 3, 3],
  19: [2, 2, 4, 4, 4],
};

/** Height and width that torchvision brings every image to ahead of the dense layers. */
const pooledSize = 7;

/**
 * VGG (Simonyan and Zisserman, 2014) with torchvision's names, 224x224x3 and 1000 classes unless told. Its dropout is left
 * out: nothing at inference, and a choice of ours in training.
 *
 * Ahead of the dense layers torchvision averages the last map to 7x7. So does this where its height and width are multiples of
 * 7, as those of images of 224, 448, ... pixels are; any other map goes into the first dense layer as it is, so weights for
 * 7x7 do not fit.
 *
 * @throws ShapeError where the depth is another, or a size does not make a network (named by the layer it reaches)
 */
export function vgg(options: VggOptions): Network {
  const stages = stagesOf[options.depth];
  if (stages === undefined) {
    const expected = Object.keys(stagesOf).join(', ');
    throw new ShapeError({ operation: 'vgg', parameter: 'depth', expected, got: String(options.depth) });
  }
  const name = `vgg${options.depth}${options.batchNorm ? '-bn' : ''}`;
  return vggNetwork({ name, stages, width: 64, hidden: 4096, batchNorm: options.batchNorm }, options);
}

/** A VGG of any form. */
export function vggNetwork(form: VggForm, options: NetworkOptions & { readonly ic: boolean }): Network {
  const { input = imageNetInput, classes = 1000 } = options;
  const features = vggFeatures(form);
  const [, height, width] = inferShapes({ name: form.name, input, layers: features }, 1).get(nameOfLast(features))!;
  const pooled = averaged(nameOfLast(features), height, width);
  const classifier: Layer[] = [
    dense('classifier.0', nameOfLast([...features, ...pooled]), form.hidden),
    relu('classifier.1', 'classifier.0'),
    dense('classifier.3', 'classifier.1', form.hidden),
    relu('classifier.4', 'classifier.3'),
    dense('classifier.6', 'classifier.4', classes),
  ];
  return finished(options, { name: form.name, input, layers: [...features, ...pooled, ...classifier] });
}

/** The convolutions, counted along with what follows them, as torchvision's Sequential does. */
function vggFeatures({ stages, width, batchNorm: normalised }: VggForm): Layer[] {
  const layers: Layer[] = [];
  const append = (make: (name: string, input: string) => Layer): void => {
    layers.push(make(`features.${layers.length}`, layers.at(-1)?.name ?? 'input'));
  };
  stages.forEach((count, stage) => {
    const step = { outChannels: width * 2 ** Math.min(stage, 3), kernel: 3, stride: 1, bias: true };
    for (let index = 0; index < count; index++) {
      append((name, input) => convolution(name, input, step));
      if (normalised) append(batchNorm);
      append(relu);
    }
    append((name, input) => pool('maxPool', name, input, { kernel: 2, stride: 2 }));
  });
  return layers;
}

function averaged(input: string, height: number, width: number): Layer[] {
  const kernel = [height / pooledSize, width / pooledSize] as const;
  if (!kernel.every(Number.isInteger) || kernel.every((size) => size === 1)) return [];
  return [{ kind: 'meanPool', name: 'avgpool', inputs: [input], kernel, stride: kernel, padding: [0, 0] }];
}
