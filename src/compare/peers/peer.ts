import { isSoftware } from '../../device/adapter.js';
import type { Network } from '../../graph/network.js';
import type { Contender } from '../../measure/samples.js';
import type { CompleteConvolution } from '../../ops/convolution/shape.js';
import type { ConvolutionPass, TrainingSettings } from '../ours.js';
import type { Counterpart } from '../rows.js';
import type { Values } from '../values.js';

/** An operation or network of a peer with its inputs. */
export interface PeerOperation extends Contender {
  /** What a run leaves, in this package's layout. Called once ahead of what is timed, so that everything is compiled. */
  output(): Promise<Float32Array>;
  dispose(): void;
}

/** Training steps of a peer on one batch. */
export interface PeerTraining extends Contender {
  /** Does a step; the mean loss that it found. */
  step(): Promise<number>;
  dispose(): void;
}

type Made<T> = T | Promise<T>;

/** Makes a pass of a convolution; values by operand, in this package's layouts. */
export type MakeConvolution = (
  shape: CompleteConvolution,
  values: Readonly<Record<string, Values>>,
) => Made<PeerOperation>;

/** Makes a network with its state, by PyTorch's names and in its layouts, on images [batch, height, width, channels]. */
export type MakeInference = (
  network: Network,
  batch: number,
  state: ReadonlyMap<string, Float32Array>,
  images: Values,
) => Made<PeerOperation>;

/** Makes training steps as {@link MakeInference} does inference: batch statistics, mean cross entropy, SGD with momentum. */
export type MakeTraining = (
  network: Network,
  state: ReadonlyMap<string, Float32Array>,
  images: Values,
  labels: Uint32Array<ArrayBuffer>,
  settings: TrainingSettings,
) => Made<PeerTraining>;

/** Another library that computes what this package computes. What it leaves out is not compared. */
export interface Peer extends Counterpart {
  /** The name by which `--peer` opens it. */
  readonly library: string;
  /** Whether its work goes into the queue of the bench's device: then the bench can tell encoding from computing it. */
  readonly sharesDevice: boolean;
  /** The passes of a convolution that it computes. */
  readonly convolution: Readonly<Partial<Record<ConvolutionPass, MakeConvolution>>>;
  /** An IC convolution, forward, with a recalibration weight a filter: operands input, filter, adjust. */
  readonly icConvolution?: MakeConvolution;
  readonly inference?: MakeInference;
  readonly training?: MakeTraining;
  /** Frees what it keeps between rows; nothing that it made is alive. */
  reset?(): Promise<void>;
}

/** Where peers are opened. */
export interface PeerSetting {
  /** The device that ours runs on. */
  readonly device: GPUDevice;
  /** Whether peers on this device profit from the naps of this package's devices, which their users do not have. */
  readonly naps: boolean;
}

/**
 * Opens a library: one peer, or several ways in which it computes.
 *
 * @throws UnsupportedError where a package that it needs is missing, saying how to add it
 */
export type OpenPeers = (setting: PeerSetting) => Promise<readonly Peer[]>;

/** How a peer on the bench's own device waits, in words. */
export function waitingOnDevice({ device, naps }: PeerSetting): string {
  if (!isSoftware(device.adapterInfo)) return 'as Dawn does, which takes nothing from a GPU';
  return naps ? "with this package's naps, lent to it" : 'as Dawn does for its users, without sleep';
}
