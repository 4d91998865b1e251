import { expect, it } from 'vitest';
import { operationList } from '../../src/graph/operations.js';
import { planAdd } from '../../src/ops/pointwise.js';

it('an operation that reads one tensor twice gets a copy of it, as no range can be bound twice', () => {
  const list = operationList();
  list.append('sum', planAdd(12), { left: 'a', right: 'b', output: 'c' });
  list.append('twice', planAdd(12), { left: 'c', right: 'c', output: 'd' });
  expect(list.operations.map(({ plan, tensors }) => [plan.operation, tensors])).toEqual([
    ['add', { left: 'a', right: 'b', output: 'c' }],
    ['addGradient', { input: 'c', output: 'copy 1 right' }],
    ['add', { left: 'c', right: 'copy 1 right', output: 'd' }],
  ]);
});
