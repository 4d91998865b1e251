import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { env, InferenceSession, Tensor } from 'onnxruntime-web';
import { type DecodeOnnxOptions, decodeOnnx } from '../../src/onnx.js';
import { inferOnDevice } from '../networks/deviceRun.js';
import { tensor } from '../onnx/models.js';
import { nchwToNhwc, nhwcToNchw } from '../support/layout.js';
import { uniform } from '../support/random.js';
import { distance } from '../support/rounding.js';

env.logLevel = 'fatal';
env.wasm.numThreads = 1;

/** What became of a file. */
export type Outcome =
  | { readonly kind: 'taken'; readonly error: number }
  | { readonly kind: 'refused'; readonly reason: string };

/** The largest difference as a share of the largest value. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  const largest = distance(expected, new Float32Array(expected.length));
  return distance(actual, expected) / (largest || 1);
}

/** A network of a file on the device beside ONNX Runtime, on two images by chance unless told. */
export async function compareWithRuntime(
  device: GPUDevice,
  file: Uint8Array,
  {
    batch = 2,
    images: given,
    ...options
  }: DecodeOnnxOptions & { readonly batch?: number; readonly images?: Float32Array },
): Promise<Outcome> {
  const read = outcomeOf(() => decodeOnnx(file, options));
  if ('reason' in read) return { kind: 'refused', reason: read.reason };
  const { network, values, outputs } = read.value;
  const { height, width, channels } = network.input;
  const images = given ?? uniform(batch * height * width * channels, 5);
  const [name] = outputs.keys();
  const whole = endingIn(file, name!);
  const expected = await runtimeOutput(
    whole,
    nhwcToNchw(images, [batch, height, width, channels]),
    [batch, channels, height, width],
    name!,
  );
  return { kind: 'taken', error: relativeError(await inferOnDevice(device, network, values, images), expected) };
}

/** The model with one output, which may be any tensor of its graph. */
function endingIn(file: Uint8Array, name: string): Uint8Array {
  const model = fromBinary(ModelProtoSchema, file);
  model.graph!.output = [tensor(name)];
  return toBinary(ModelProtoSchema, model);
}

/** An output of ONNX Runtime, images as [N, H, W, C]. */
async function runtimeOutput(
  file: Uint8Array,
  data: Float32Array,
  sizes: readonly number[],
  name: string,
): Promise<Float32Array> {
  const session = await InferenceSession.create(file, { executionProviders: ['wasm'] });
  try {
    const results = await session.run({ [session.inputNames[0]!]: new Tensor('float32', data, sizes) });
    const { data: values, dims } = results[name]!;
    const numbers = values as Float32Array;
    return dims.length === 4 ? nchwToNhwc(numbers, dims as unknown as [number, number, number, number]) : numbers;
  } finally {
    await session.release();
  }
}

/** The result of reading a file, or why it is refused. */
export function outcomeOf<T>(read: () => T): { readonly value: T } | { readonly reason: string } {
  try {
    return { value: read() };
  } catch (error) {
    if ((error as Error).name === 'UnsupportedError') return { reason: (error as Error).message };
    throw error;
  }
}
