import { env, InferenceSession, Tensor } from 'onnxruntime-web';
import { nchwToNhwc, nhwcToNchw } from '../support/layout.js';

// What the runtime says of itself on stderr is not the tests' output.
env.logLevel = 'fatal';
env.wasm.numThreads = 1;

type Size = Readonly<Record<'height' | 'width' | 'channels', number>>;

/** What ONNX Runtime makes of images NHWC, images NHWC again; `dims` as the file has them. */
export async function runOnnx(
  file: Uint8Array,
  { height, width, channels }: Size,
  images: Float32Array,
): Promise<{ readonly values: Float32Array; readonly dims: readonly number[] }> {
  const session = await InferenceSession.create(file, { executionProviders: ['wasm'] });
  try {
    const batch = images.length / (height * width * channels);
    const x = nhwcToNchw(images, [batch, height, width, channels]);
    const [input] = session.inputNames;
    const [output] = session.outputNames;
    const results = await session.run({ [input!]: new Tensor('float32', x, [batch, channels, height, width]) });
    const { data, dims } = results[output!]!;
    const values = data as Float32Array;
    return { values: isImage(dims) ? nchwToNhwc(values, dims) : values, dims };
  } finally {
    await session.release();
  }
}

function isImage(dims: readonly number[]): dims is readonly [number, number, number, number] {
  return dims.length === 4;
}
