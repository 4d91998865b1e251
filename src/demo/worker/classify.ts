import type { Network } from '../../graph/network.js';
import type { Normalisation } from '../../io/dataset.js';
import { transformPicture } from '../../io/picture.js';
import type { Answer, Question } from '../protocol.js';
import { digitOfInk, greyOf, inkOfPhotograph } from './ink.js';
import { type Model, modelNamed } from './models.js';
import { drawSquare } from './pictures.js';

/** Pixels across, of a picture in which ink is looked for. */
const photographSide = 224;
/** Networks of inputs at least this large are given the middle of a picture, smaller ones all of it. */
const cropFrom = 128;

/** What a network is given of a picture. */
export interface NetworkInput {
  /** Pixel values 0 to 255, [height, width, channels]. */
  readonly pixels: Uint8Array;
  /** Normalised, as the network takes it. */
  readonly values: Float32Array;
}

/** Class probabilities of a picture. */
export async function classify({ model: name, bitmap, drawn, half }: Question): Promise<Answer> {
  const model = await modelNamed(name, half ? 'float16' : 'float32');
  const { pixels, values } = networkInput(model, bitmap, drawn);
  bitmap.close();
  const start = performance.now();
  const logits = await model.inference.run(values);
  const milliseconds = performance.now() - start;
  const { height, width, channels } = model.network.input;
  return {
    probabilities: softmax(logits),
    seen: { height, width, pixels: rgba(pixels, channels) },
    milliseconds,
  };
}

/** A picture as a network takes it: ink made like MNIST's for one channel, the middle square for three. */
export function networkInput({ network, normalisation }: Model, bitmap: ImageBitmap, drawn: boolean): NetworkInput {
  const pixels = network.input.channels === 1 ? inkPixels(network, bitmap, drawn) : colourPixels(network, bitmap);
  return { pixels, values: normalised(pixels, normalisation) };
}

function inkPixels({ input: { height, width } }: Network, bitmap: ImageBitmap, drawn: boolean): Uint8Array {
  const size = drawn ? bitmap.width : photographSide;
  const picture = greyOf(squareOf(bitmap, size, size), size, size);
  return digitOfInk(drawn ? picture : inkOfPhotograph(picture), height, width);
}

/** The picture's shorter side made as long as the network's input and an eighth more, as is usual for ImageNet; the middle of it. */
function colourPixels({ input: { height, width } }: Network, bitmap: ImageBitmap): Uint8Array {
  const surface = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d')!;
  surface.fillStyle = 'black';
  surface.fillRect(0, 0, bitmap.width, bitmap.height);
  surface.drawImage(bitmap, 0, 0);
  const picture = surface.getImageData(0, 0, bitmap.width, bitmap.height);
  const resize =
    Math.max(width, height) >= cropFrom ? Math.round((Math.max(width, height) * 8) / 7) : Math.max(width, height);
  return transformPicture(picture, { resize, crop: { height, width } });
}

function squareOf(bitmap: ImageBitmap, width: number, height: number): Uint8ClampedArray {
  const context = new OffscreenCanvas(width, height).getContext('2d')!;
  context.imageSmoothingQuality = 'high';
  drawSquare(bitmap, context);
  return context.getImageData(0, 0, width, height).data;
}

/** Pixel values as a network takes them. */
export function normalised(pixels: Uint8Array, { mean, deviation }: Normalisation): Float32Array {
  const channels = mean.length;
  return Float32Array.from(pixels, (value, index) => {
    const channel = index % channels;
    return (value / 255 - mean[channel]!) / deviation[channel]!;
  });
}

export function softmax(logits: Float32Array): Float32Array {
  const most = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = logits.map((logit) => Math.exp(logit - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** Pixels as a canvas shows them. */
export function rgba(pixels: Uint8Array, channels: number): Uint8ClampedArray<ArrayBuffer> {
  const count = pixels.length / channels;
  const shown = new Uint8ClampedArray(count * 4).fill(255);
  for (let pixel = 0; pixel < count; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      shown[4 * pixel + channel] = pixels[pixel * channels + Math.min(channel, channels - 1)]!;
    }
  }
  return shown;
}
