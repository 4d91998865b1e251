import * as tf from '@tensorflow/tfjs-core';
import { isDepthwise } from '../../../ops/convolution/depthwise.js';
import { type CompleteConvolution, checkConvolution } from '../../../ops/convolution/shape.js';
import type { ConvolutionPass } from '../../ours.js';
import type { Values } from '../../values.js';
import type { PeerOperation } from '../peer.js';
import { type Backend, backendOperation, paddingOf } from './backend.js';

/** A pass of a convolution in TensorFlow.js' own operations. */
export function makeConvolution(
  backend: Backend,
  pass: ConvolutionPass,
  shape: CompleteConvolution,
  values: Readonly<Record<string, Values>>,
): PeerOperation {
  const { outHeight, outWidth } = checkConvolution('bench', shape);
  const { batch, inHeight, inWidth, inChannels, outChannels, kernel, stride } = shape;
  const pad = paddingOf(shape.padding);
  const strides: [number, number] = [...stride];
  const inputShape: [number, number, number, number] = [batch, inHeight, inWidth, inChannels];
  const depthwise = isDepthwise(shape);
  if (shape.groups > 1 && !depthwise) throw new Error('TensorFlow.js has no convolution in groups of several channels');
  const filterShape: [number, number, number, number] = depthwise
    ? [...kernel, inChannels, 1]
    : [...kernel, inChannels, outChannels];
  const settings = { strides, pad, dataFormat: 'NHWC', dilations: [1, 1] };
  const input = () => tf.tensor4d(values.input!, inputShape);
  const filter = () => tf.tensor4d(values.filter!, filterShape);
  const gradient = () => tf.tensor4d(values.gradient!, [batch, outHeight, outWidth, outChannels]);
  switch (pass) {
    case 'forward': {
      const [x, w] = [input(), filter()];
      const convolve = depthwise ? tf.depthwiseConv2d : tf.conv2d;
      return backendOperation(backend, [x, w], () => convolve(x, w, strides, pad));
    }
    case 'inputGradient': {
      const [dy, w] = [gradient(), filter()];
      if (depthwise) {
        return kernelOperation(
          backend,
          tf.DepthwiseConv2dNativeBackpropInput,
          { dy, filter: w },
          { ...settings, inputShape },
        );
      }
      return backendOperation(backend, [dy, w], () => tf.conv2dTranspose(dy, w, inputShape, strides, pad));
    }
    case 'filterGradient': {
      const [x, dy] = [input(), gradient()];
      const kernelName = depthwise ? tf.DepthwiseConv2dNativeBackpropFilter : tf.Conv2DBackpropFilter;
      return kernelOperation(backend, kernelName, { x, dy }, { ...settings, filterShape });
    }
  }
}

/** A kernel that no function of the public interface runs, but the gradient of one does. */
function kernelOperation(
  backend: Backend,
  name: string,
  inputs: Readonly<Record<string, tf.Tensor>>,
  attributes: tf.NamedAttrMap,
): PeerOperation {
  const run = (): tf.Tensor => tf.engine().runKernel(name, { ...inputs }, attributes) as tf.Tensor;
  return backendOperation(backend, Object.values(inputs), run);
}
