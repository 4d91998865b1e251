/**
 * The WGSL kernels as data, for programs that run them without this package's runtime. Browser-safe.
 *
 * @packageDocumentation
 */
import constants from '../kernels/constants.md?raw';
import { describeKernels, type KernelDescription } from './wgsl/describe.js';

export type { BindingKind } from './wgsl/bindings.js';
export type { DescribedBinding, DescribedConstant, KernelDescription } from './wgsl/describe.js';

/** Texts that kernels call, by name: the file in `kernels/shared` without its ending. */
export const sharedTexts: Readonly<Record<string, string>> = byName(
  import.meta.glob<string>('../kernels/shared/*.wgsl', { query: '?source', import: 'default', eager: true }),
);

/** Every kernel, by name: the file in `kernels` without its ending. */
export const kernels: Readonly<Record<string, KernelDescription>> = describeKernels({
  kernels: byName(import.meta.glob<string>('../kernels/*.wgsl', { query: '?source', import: 'default', eager: true })),
  shared: sharedTexts,
  constants,
});

function byName(files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [/(\w+)\.wgsl$/.exec(path)![1]!, text]));
}
