import copyText from '../../kernels/copy.wgsl?raw';
import multiplyAddsText from '../../kernels/multiply_adds.wgsl?raw';
import { type OperationPlan, tensorBytes, threadGroups } from './plan.js';
import { type Precision, storedOperand, storedTexts } from './precision.js';

/*
 * Operations that compute nothing anybody needs: what a device takes for them tells how fast it is.
 */

/** Threads of a workgroup that {@link planMultiplyAdds} keeps busy. */
const threads = 128;
const repeats = 4;
/** Independent ones, as many as hide the latency and fit the registers of a CPU. */
const chains = 12;

/** How many values a multiply-add takes at a time: 4 bytes of them. */
const lanes = { float32: 1, float16: 2 } as const;

/** Multiply-adds on registers alone, in float16 two at a time. Operand: output, overwritten. */
export function planMultiplyAdds(workgroups: number, rounds: number, precision: Precision = 'float32'): OperationPlan {
  const width = lanes[precision];
  return {
    operation: 'multiplyAdds',
    operands: { output: storedOperand(precision, 'output', workgroups, threads, width) },
    steps: [
      {
        kernel: {
          name: 'multiply_adds',
          text: multiplyAddsText,
          shared: storedTexts(width, precision),
          variables: ['ROUNDS'],
        },
        constants: { ROUNDS: rounds, REPEATS: repeats, CHAINS: chains, THREADS: threads },
        workgroups,
        operands: { output: 'output' },
      },
    ],
  };
}

/** Multiply-adds of a workgroup of {@link planMultiplyAdds}. */
export function multiplyAddsOf(rounds: number, precision: Precision = 'float32'): number {
  return threads * rounds * repeats * chains * lanes[precision];
}

/** A copy of `count` values, a multiple of 4. Operands: input, output [count]. */
export function planCopy(count: number): OperationPlan {
  return {
    operation: 'copy',
    operands: {
      input: { bytes: tensorBytes(count), use: 'input' },
      output: { bytes: tensorBytes(count), use: 'output' },
    },
    steps: [
      {
        kernel: { name: 'copy', text: copyText },
        constants: { COUNT: count },
        workgroups: threadGroups(count / 4),
        operands: { input: 'input', output: 'output' },
      },
    ],
  };
}
