import type { OperationPlan } from '../ops/plan.js';
import { type Lifetime, type MemoryPlan, planMemory } from './memory.js';

/** An operation of a network: its plan, and which tensor each of its operands is. */
export interface NetworkOperation {
  /** The layer it belongs to, for labels. */
  readonly layer: string;
  readonly plan: OperationPlan;
  readonly tensors: Readonly<Record<string, string>>;
}

/** Collects a network's operations in order. */
export interface OperationList {
  readonly operations: readonly NetworkOperation[];
  /** Appends an operation; scratch operands that are not named get tensors of their own. */
  append(layer: string, plan: OperationPlan, tensors: Readonly<Record<string, string>>): void;
}

export function operationList(): OperationList {
  const operations: NetworkOperation[] = [];
  return {
    operations,
    append(layer, plan, tensors) {
      const index = operations.length;
      const scratch = Object.entries(plan.operands).filter(([, operand]) => operand.use === 'scratch');
      const own = Object.fromEntries(scratch.map(([name]) => [name, `scratch ${index} ${name}`]));
      operations.push({ layer, plan, tensors: { ...own, ...tensors } });
    },
  };
}

/**
 * Lays out what the operations pass to each other in one arena; a tensor's memory is used again once it is dead.
 *
 * @param external - tensors that have buffers of their own
 * @param kept - tensors that must outlive the last operation
 */
export function planArena(
  operations: readonly NetworkOperation[],
  external: (tensor: string) => boolean,
  kept: readonly string[],
  alignment: number,
): MemoryPlan {
  const lifetimes = new Map<string, Lifetime>();
  operations.forEach((operation, index) => {
    for (const [operand, { bytes }] of Object.entries(operation.plan.operands)) {
      const id = operation.tensors[operand]!;
      if (external(id)) continue;
      const known = lifetimes.get(id);
      const last = kept.includes(id) ? operations.length : index;
      lifetimes.set(id, { id, bytes: Math.max(bytes, known?.bytes ?? 0), first: known?.first ?? index, last });
    }
  });
  return planMemory([...lifetimes.values()], alignment);
}
