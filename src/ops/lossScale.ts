import text from '../../kernels/loss_scale.wgsl?raw';
import stepStateText from '../../kernels/shared/step_state.wgsl?raw';
import { lossScaleBytes, statusBytes, stepStateBytes } from './loss.js';
import { type OperationPlan, tensorBytes } from './plan.js';
import { requireInteger } from './windows.js';

/**
 * The end of a step of mixed precision: a step with a fault halves the loss scale, so many good ones double it, up to 2^24. A fault
 * at a scale of 1 is noted in the status for good.
 *
 * Operands: lossScale [8] (updated), fault [4] (u32; 0 where the step is good, and afterwards), status [2] (u32), ring [ring, 2]
 * (scale, and 1 where the step had a fault; one entry overwritten), stepState (uniform).
 *
 * @param growthInterval - good steps that double the scale
 * @throws ShapeError for a number that is no positive integer.
 */
export function planLossScale(ring: number, growthInterval: number): OperationPlan {
  const operation = 'lossScale';
  requireInteger(ring, 1, 'ring', { operation, prefix: '' });
  requireInteger(growthInterval, 1, 'growthInterval', { operation, prefix: '' });
  return {
    operation,
    operands: {
      lossScale: { bytes: lossScaleBytes, use: 'inout' },
      fault: { bytes: faultBytes, use: 'inout' },
      status: { bytes: statusBytes, use: 'inout' },
      ring: { bytes: tensorBytes(ring, 2), use: 'inout' },
      stepState: { bytes: stepStateBytes, use: 'uniform' },
    },
    steps: [
      {
        kernel: { name: 'loss_scale', text, shared: [stepStateText] },
        constants: { RING: ring, GROWTH_INTERVAL: growthInterval },
        workgroups: 1,
        operands: { loss_scale: 'lossScale', fault: 'fault', status: 'status', ring: 'ring', step_state: 'stepState' },
      },
    ],
  };
}

/** Bytes of a step's fault: the status of all operations that store float16, and of the step's own checks. */
export const faultBytes = 16;
