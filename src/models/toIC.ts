import {
  type Adjust,
  type ConvolutionLayer,
  type DenseLayer,
  isICUnit,
  type Layer,
  type Network,
} from '../graph/network.js';

/** The two forms in which an IC convolution recalibrates: one weight a filter, or one an input channel. */
export type ICAdjust = Exclude<Adjust, 'none'>;

/** How a plain network becomes an IC network. */
export interface ToICOptions {
  /** The form of the IC convolutions; `output` unless told. */
  readonly adjust?: ICAdjust;
  /** Which of the plain convolutions to replace; all unless told. */
  readonly convolutions?: (layer: ConvolutionLayer) => boolean;
  /** Which of the dense layers to replace, by IC units with a weight an output; none unless told. */
  readonly dense?: (layer: DenseLayer) => boolean;
  /** Whether the new IC units have an offset, which starts at 0; false unless told. */
  readonly offset?: boolean;
}

/**
 * The IC form of a network: its plain convolutions become IC convolutions, and dense layers where asked for. Every name stays, so the
 * network's weights fit the new one, which has a NAME.adjust beside them, and with `offset` a NAME.offset. Layers that are IC already
 * stay as they are.
 */
export function toIC(network: Network, options: ToICOptions = {}): Network {
  const { adjust = 'output', convolutions = () => true, dense = () => false, offset = false } = options;
  const added = offset && { offset };
  const replaced = (layer: Layer): Layer => {
    if (isICUnit(layer)) return layer;
    if (layer.kind === 'convolution' && convolutions(layer)) return { ...layer, adjust, ...added };
    return layer.kind === 'dense' && dense(layer) ? { ...layer, adjust: 'output', ...added } : layer;
  };
  return { ...network, layers: network.layers.map(replaced) };
}
