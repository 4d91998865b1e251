import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { planConvolutionFilterGradient } from '../src/ops/convolution/filterGradient.js';
import { planConvolution } from '../src/ops/convolution/forward.js';
import { planConvolutionInputGradient } from '../src/ops/convolution/inputGradient.js';
import type { CompleteConvolution } from '../src/ops/convolution/shape.js';
import type { FormRequest, RankedForm } from '../src/ops/forms.js';
import { type KernelStep, kernelOf, type OperationPlan } from '../src/ops/plan.js';
import type { DeviceTraits } from '../src/ops/traits.js';
import { createOutput } from '../src/terminal/output.js';
import { assemble } from '../src/wgsl/assemble.js';

/*
 * Hands every hot kernel, as it is compiled, to a program that says what machine code a GPU's compiler makes of it.
 */

const shape: CompleteConvolution = {
  batch: 1,
  inHeight: 28,
  inWidth: 28,
  inChannels: 128,
  outChannels: 128,
  kernel: [3, 3],
  stride: [1, 1],
  padding: [1, 1],
  dilation: [1, 1],
  groups: 1,
};

const gpu: DeviceTraits = { subgroup: 32, software: false };

/** The form of a family with most results a workgroup, whole, in float16 where `half` says so. */
function formOf(family: string, half = false) {
  return ({ forms }: FormRequest) => {
    const own = forms.filter(({ family: name, tile }) => {
      return name === family && (tile.half ?? 0) === (half ? 1 : 0) && (tile.splits ?? 1) === 1;
    });
    const results = ({ tile }: RankedForm): number => (tile.threadRows ?? 0) * (tile.threadColumns ?? 0);
    return own.sort((a, b) => results(b) - results(a) || b.tile.blockRows! - a.tile.blockRows!)[0] ?? forms[0]!;
  };
}

const inHalf = { precision: 'float16' } as const;

const hot: readonly [name: string, plan: OperationPlan][] = [
  ['tiled', planConvolution(shape, {}, { ...gpu, choose: formOf('tiled') })],
  ['tiled, IC unit', planConvolution(shape, { adjust: 'output' }, { ...gpu, choose: formOf('tiled') })],
  ['tiled, float16', planConvolution(shape, {}, { ...gpu, half: true, choose: formOf('tiled', true) })],
  ['tiled, float16 in memory', planConvolution(shape, inHalf, { ...gpu, choose: formOf('tiled', true) })],
  [
    'tiled, float16 in memory, IC unit',
    planConvolution(shape, { ...inHalf, adjust: 'output' }, { ...gpu, choose: formOf('tiled', true) }),
  ],
  ['Winograd', planConvolution(shape, {}, { ...gpu, choose: formOf('winograd') })],
  ['tiled, input gradient', planConvolutionInputGradient(shape, {}, { ...gpu, choose: formOf('tiled') })],
  ['tiled, filter gradient', planConvolutionFilterGradient(shape, {}, { ...gpu, choose: formOf('tiled') })],
  ['filter gradient by subgroups', planConvolutionFilterGradient(shape, {}, { ...gpu, choose: formOf('subgroup') })],
];

function describe(tool: string, folder: string, step: KernelStep): string {
  const { kernel, constants } = kernelOf(step);
  const file = join(folder, `${kernel.name}.wgsl`);
  writeFileSync(file, assemble(kernel, constants));
  return execFileSync(tool, [file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

const program = new Command('machine-code')
  .description('What a compiler outside of this project makes of the hot kernels at 28x28, 128 to 128 channels.')
  .requiredOption('--tool <program>', 'is given the name of a WGSL file, and prints registers and instructions')
  .parse();

const output = createOutput(false);
const folder = mkdtempSync(join(tmpdir(), 'ic-networks-'));
try {
  const { tool } = program.opts<{ tool: string }>();
  for (const [name, plan] of hot) {
    for (const step of plan.steps) {
      const tile = Object.entries(step.constants).filter(
        ([key]) => key.startsWith('BLOCK_') || key.startsWith('THREAD_'),
      );
      output.say(`${name}: ${step.kernel.name} ${tile.map((pair) => pair.join(' ')).join(', ')}`);
      for (const line of describe(tool, folder, step).split('\n')) output.say(line);
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
