import { version_core } from '@tensorflow/tfjs-core';
import { type OpenPeers, waitingOnDevice } from '../../src/compare/peers/peer.js';
import { openBackend } from '../../src/compare/peers/tensorflow/backend.js';
import { makeConvolution } from '../../src/compare/peers/tensorflow/convolution.js';
import { makeInference } from '../../src/compare/peers/tensorflow/network.js';
import { makeTraining } from '../../src/compare/peers/tensorflow/training.js';

/** TensorFlow.js with its WebGPU backend on the bench's device. */
export const open: OpenPeers = async (setting) => {
  const backend = await openBackend(setting);
  return [
    {
      library: 'tensorflow',
      name: 'TensorFlow.js',
      version: version_core,
      waiting: waitingOnDevice(setting),
      sharesDevice: true,
      convolution: {
        forward: (...given) => makeConvolution(backend, 'forward', ...given),
        inputGradient: (...given) => makeConvolution(backend, 'inputGradient', ...given),
        filterGradient: (...given) => makeConvolution(backend, 'filterGradient', ...given),
      },
      inference: (...given) => makeInference(backend, ...given),
      training: (...given) => makeTraining(backend, ...given),
      reset: backend.reset,
    },
  ];
};
