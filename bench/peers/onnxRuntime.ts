import { create, toBinary } from '@bufbuild/protobuf';
import {
  ModelProtoSchema,
  TensorProto_DataType,
  TensorShapeProto_DimensionSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
  Version,
} from 'onnx-buf';
// The package for Node has the same interface.
import type * as OnnxRuntime from 'onnxruntime-web';
import type { OpenPeers, Peer, PeerOperation } from '../../src/compare/peers/peer.js';
import type { Values } from '../../src/compare/values.js';
import type { AdapterDescription } from '../../src/device/adapter.js';
import { openDevice } from '../../src/device/node.js';
import { driversWereChosen, withDrivers } from '../../src/device/vulkanDrivers.js';
import { UnsupportedError } from '../../src/errors.js';
import type { Network } from '../../src/graph/network.js';
import { inferShapes } from '../../src/graph/shapes.js';
import { encodeOnnx } from '../../src/onnx/encode.js';
import { convolutionNetwork, convolutionState, fromPlanes, toPlanes } from './layouts.js';
import { loadOptionalPackage } from './optionalPackage.js';

type Runtime = typeof OnnxRuntime;
type Session = OnnxRuntime.InferenceSession;
type Tensor = OnnxRuntime.Tensor;

/** Where tensors are between runs, and how they get there and back. */
interface Provider {
  readonly options: OnnxRuntime.InferenceSession.SessionOptions;
  upload(tensor: Tensor): Promise<Tensor>;
  download(tensor: Tensor): Promise<Tensor>;
  /** Ends when all runs are done. */
  finished(): Promise<void>;
}

/** ONNX Runtime with its WebGPU provider, and with its CPU provider: what the processor does without a GPU in between. */
export const open: OpenPeers = async ({ device }) => {
  const add = 'ONNXRUNTIME_NODE_INSTALL=skip npm install --no-save onnxruntime-node';
  const runtime = loadOptionalPackage<Runtime>('onnxruntime-node', add);
  const webgpu = await onSameAdapter(device, () => webgpuProvider(runtime));
  return [peerOf(runtime, webgpu, 'ONNX Runtime, WebGPU', 'asleep in its own Dawn'), cpuPeer(runtime)];
};

/** ONNX Runtime on the processor. */
export function cpuPeer(runtime: Runtime): Peer {
  return peerOf(runtime, cpuProvider(), 'ONNX Runtime, CPU', 'not at all: it computes within the call');
}

function peerOf(runtime: Runtime, provider: Provider, name: string, waiting: string): Peer {
  const inference = (network: Network, batch: number, state: ReadonlyMap<string, Float32Array>, images: Values) =>
    makeInference(runtime, provider, network, batch, state, images);
  const convolution = (adjust: 'none' | 'output'): NonNullable<Peer['icConvolution']> => {
    return (shape, values) =>
      inference(convolutionNetwork(shape, adjust), shape.batch, convolutionState(shape, values), values.input!);
  };
  return {
    library: 'onnxruntime',
    name,
    version: runtime.env.versions.node ?? 'unknown',
    waiting,
    sharesDevice: false,
    convolution: { forward: convolution('none') },
    icConvolution: convolution('output'),
    inference,
  };
}

/** Runs the ONNX file that this package writes of a network. */
async function makeInference(
  { InferenceSession, Tensor }: Runtime,
  { options, upload, download, finished }: Provider,
  network: Network,
  batch: number,
  state: ReadonlyMap<string, Float32Array>,
  images: Values,
): Promise<PeerOperation> {
  const { height, width, channels } = network.input;
  const outChannels = inferShapes(network, batch).get(network.layers.at(-1)!.name)![3];
  const session = await InferenceSession.create(encodeOnnx(network, state), options);
  const input = await upload(new Tensor(toPlanes(images, batch, channels), [batch, channels, height, width]));
  const run = (): Promise<Tensor> => runOn(session, input);
  return {
    async submit(runs) {
      for (let i = 0; i < runs; i++) (await run()).dispose();
    },
    finished,
    async output() {
      const result = await run();
      const { data } = await download(result);
      result.dispose();
      return fromPlanes(data as Float32Array, batch, outChannels);
    },
    dispose() {
      input.dispose();
      void session.release();
    },
  };
}

/** What a session of one input and one output makes of a tensor. */
async function runOn(session: Session, input: Tensor): Promise<Tensor> {
  const results = await session.run({ [session.inputNames[0]!]: input });
  return results[session.outputNames[0]!]!;
}

/** Tensors stay in the processor's memory, and are there when a run ends. */
function cpuProvider(): Provider {
  return {
    // Its threads would go on looking for work, and take the processor from a software adapter.
    options: { executionProviders: ['cpu'], extra: { session: { force_spinning_stop: '1' } } },
    upload: async (tensor) => tensor,
    download: async (tensor) => tensor,
    finished: async () => {},
  };
}

/**
 * Tensors stay on the GPU, as ours do. Only its sessions move them: one that copies gives back a tensor on the GPU, and another
 * the same in the processor's memory. What is read back from there has waited for all runs submitted before.
 */
async function webgpuProvider({ InferenceSession, Tensor }: Runtime): Promise<Provider> {
  const options = { executionProviders: ['webgpu'], preferredOutputLocation: 'gpu-buffer' } as const;
  const up = await InferenceSession.create(copyModel(4), options);
  const down = new Map<number, Session>();
  const upload = (tensor: Tensor): Promise<Tensor> => runOn(up, tensor);
  const download = async (tensor: Tensor): Promise<Tensor> => {
    const rank = tensor.dims.length;
    const session =
      down.get(rank) ?? (await InferenceSession.create(copyModel(rank), { executionProviders: ['webgpu'] }));
    down.set(rank, session);
    return runOn(session, tensor);
  };
  const last = await upload(new Tensor(Float32Array.of(0), [1, 1, 1, 1]));
  return {
    options,
    upload,
    download,
    async finished() {
      await download(last);
    },
  };
}

/** An ONNX file that hands on a tensor of a rank. */
function copyModel(rank: number): Uint8Array {
  const dim = Array.from({ length: rank }, (_, axis) =>
    create(TensorShapeProto_DimensionSchema, { value: { case: 'dimParam', value: `axis${axis}` } }),
  );
  const value = (name: string): ValueInfoProto =>
    create(ValueInfoProtoSchema, {
      name,
      type: { value: { case: 'tensorType', value: { elemType: TensorProto_DataType.FLOAT, shape: { dim } } } },
    });
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: BigInt(Version.IR_VERSION_2021_7_30),
      opsetImport: [{ domain: '', version: 17n }],
      graph: {
        name: 'copy',
        input: [value('from')],
        output: [value('to')],
        node: [{ opType: 'Identity', name: 'copy', input: ['from'], output: ['to'] }],
      },
    }),
  );
}

/**
 * Runs work that opens a GPU by itself, with the drivers that lead to the adapter of this device.
 *
 * @throws UnsupportedError where it would take another adapter
 */
async function onSameAdapter<T>({ adapterInfo }: GPUDevice, work: () => Promise<T>): Promise<T> {
  const { adapter, close } = await openDevice({ quiet: true });
  close();
  const [wanted, got] = [namesOf(adapterInfo), namesOf(adapter)];
  if (wanted !== got) {
    const expected = `${wanted} to be what a program takes that cannot choose, as ONNX Runtime does: name its driver in VK_DRIVER_FILES`;
    throw new UnsupportedError({ operation: 'bench', parameter: 'adapter', expected, got });
  }
  const embedded = adapter.architecture === 'swiftshader' && !driversWereChosen();
  return withDrivers(embedded ? 'embedded' : 'environment', work);
}

function namesOf({ vendor, architecture, device, description }: GPUAdapterInfo | AdapterDescription): string {
  return [vendor, architecture, device, description].filter((part) => part !== '').join(' ');
}
