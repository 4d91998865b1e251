import type { Adjust, ConvolutionLayer, Layer, Network } from '../graph/network.js';

/** The two forms in which an IC convolution recalibrates: one weight a filter, or one an input channel. */
export type ICAdjust = Exclude<Adjust, 'none'>;

/** How a plain network becomes an IC network. */
export interface ToICOptions {
  /** The form of the IC convolutions; `output` unless told. */
  readonly adjust?: ICAdjust;
  /** Which of the plain convolutions to replace; all unless told. */
  readonly convolutions?: (layer: ConvolutionLayer) => boolean;
}

/**
 * The IC form of a network: its plain convolutions become IC convolutions. Every name stays, so the network's weights
 * fit the new one, which has a NAME.adjust beside them. Convolutions that are IC already stay as they are.
 */
export function toIC(network: Network, options: ToICOptions = {}): Network {
  const { adjust = 'output', convolutions = () => true } = options;
  const replaced = (layer: Layer): Layer =>
    layer.kind === 'convolution' && layer.adjust === 'none' && convolutions(layer) ? { ...layer, adjust } : layer;
  return { ...network, layers: network.layers.map(replaced) };
}
