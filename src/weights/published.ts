import type { Network } from '../graph/network.js';
import type { Normalisation } from '../io/dataset.js';
import { imageNetNormalisation } from '../io/picture.js';

/** GoogLeNet's weights come from TensorFlow; torchvision brings pictures of the usual normalisation to theirs in the network. */
const googleNetNormalisation: Normalisation = { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] };

/** How pictures are normalised for the weights that are published of a network. */
export function publishedNormalisation({ name }: Network): Normalisation {
  return name === 'googlenet' ? googleNetNormalisation : imageNetNormalisation;
}

/** Whether a tensor of published weights is of a classifier that helps training alone, of which GoogLeNet has two. */
export function isAuxiliary(name: string): boolean {
  return /^aux\d+\./.test(name);
}
