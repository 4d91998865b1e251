import { matrixUnits } from '../../src/ops/convolution/matrixProduct.js';

/** Small ones, as llvmpipe has them. */
export const assumedUnits = matrixUnits({
  configurations: [{ rows: 8, columns: 8, depth: 8 }],
  subgroup: 8,
  pinned: false,
  largestSubgroup: 8,
  invocations: 256,
  workgroupBytes: 16384,
  software: true,
});
