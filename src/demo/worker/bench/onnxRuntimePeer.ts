import wasmAddress from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import * as ort from 'onnxruntime-web/webgpu';
import { median } from '../../../measure/statistics.js';
import { encodeOnnx } from '../../../onnx/encode.js';
import type { PeerRunner } from './peers.js';

const fewestRuns = 3;
const mostRuns = 100;

/** ONNX Runtime Web with its WebGPU provider, on the ONNX file that this package writes of the network. */
export const onnxRuntimePeer: PeerRunner = {
  name: 'onnxRuntime',
  title: 'ONNX Runtime Web',
  async time(_, network, values, images, seconds) {
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmPaths = { wasm: wasmAddress };
    const session = await ort.InferenceSession.create(encodeOnnx(network, values), { executionProviders: ['webgpu'] });
    const { height, width, channels } = network.input;
    const input = new ort.Tensor('float32', planes(images, channels), [1, channels, height, width]);
    try {
      await session.run({ input });
      const times: number[] = [];
      const end = performance.now() + seconds * 1000;
      while (times.length < fewestRuns || (performance.now() < end && times.length < mostRuns)) {
        const start = performance.now();
        await session.run({ input });
        times.push(performance.now() - start);
      }
      return median(times);
    } finally {
      await session.release();
    }
  },
};

/** [height, width, channels] as [channels, height, width]. */
function planes(image: Float32Array, channels: number): Float32Array {
  const pixels = image.length / channels;
  return Float32Array.from(image, (_, index) => image[(index % pixels) * channels + Math.floor(index / pixels)]!);
}
