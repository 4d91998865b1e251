import type { Family, FormRequest, RankedForm } from '../../src/ops/forms.js';
import type { KernelStep, Operand, OperationPlan } from '../../src/ops/plan.js';

const count = 4096;

const text = `
@group(0) @binding(0) var<storage, read_write> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  var sum = ERROR;
  for (var term = 0u; term < 8u; term++) {
    sum += input[(element + term) % COUNT];
  }
  output[element] = sum;
}
`;

/** A form of the sum of eight neighbours, and what is particular about it. */
export interface SumForm {
  readonly family: Family;
  readonly cost: number;
  /** How often the sum is formed; once where left out. */
  readonly dispatches?: number;
  /** Added to the result. */
  readonly error?: number;
  readonly broken?: boolean;
  /** Bytes of scratch, which the kernel does not touch. */
  readonly scratch?: number;
  /** Asked for when this form is planned. */
  readonly inside?: () => void;
}

/** An operation made up for a test: forms of one sum, cheapest first. */
export function sumRequest(key: string, given: readonly SumForm[]): FormRequest {
  const forms = given.map(
    ({ family, cost }, number): RankedForm => ({ family, cost, body: 10, work: [], tile: { number } }),
  );
  return {
    key,
    operation: 'sum',
    forms,
    plan: (form) => planSum(given[form.tile.number!]!),
  };
}

function planSum({ dispatches = 1, error = 0, broken = false, scratch, inside }: SumForm): OperationPlan {
  inside?.();
  const operands: Record<string, Operand> = {
    input: { bytes: 4 * count, use: 'input' },
    output: { bytes: 4 * count, use: 'output' },
    ...(scratch !== undefined && { scratch: { bytes: scratch, use: 'scratch' as const } }),
  };
  const step: KernelStep = {
    kernel: broken ? { name: 'broken', text: `${text} nonsense` } : { name: 'sum', text },
    constants: { COUNT: count, ERROR: { f32: error } },
    workgroups: count / 64,
    operands: { input: 'input', output: 'output' },
  };
  return { operation: 'sum', operands, steps: Array.from({ length: dispatches }, () => step) };
}
