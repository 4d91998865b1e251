import copyText from '../../kernels/copy.wgsl?raw';
import multiplyAddsText from '../../kernels/multiply_adds.wgsl?raw';
import { type OperationPlan, tensorBytes, threadGroups } from './plan.js';

/*
 * Operations that compute nothing anybody needs: what a device takes for them tells how fast it is.
 */

/** Threads of a workgroup that {@link planMultiplyAdds} keeps busy. */
const threads = 128;
const repeats = 4;
/** Independent ones, as many as hide the latency and fit the registers of a CPU. */
const chains = 12;

/** Multiply-adds on registers alone. Operand: output, overwritten. */
export function planMultiplyAdds(workgroups: number, rounds: number): OperationPlan {
  return {
    operation: 'multiplyAdds',
    operands: { output: { bytes: tensorBytes(workgroups, threads), use: 'output' } },
    steps: [
      {
        kernel: { name: 'multiply_adds', text: multiplyAddsText, variables: ['ROUNDS'] },
        constants: { ROUNDS: rounds, REPEATS: repeats, CHAINS: chains, THREADS: threads },
        workgroups,
        operands: { output: 'output' },
      },
    ],
  };
}

/** Multiply-adds of a workgroup of {@link planMultiplyAdds}. */
export function multiplyAddsOf(rounds: number): number {
  return threads * rounds * repeats * chains;
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
