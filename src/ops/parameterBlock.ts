/** Elements of parameters that share one entry of an optimiser's groups operand; every tensor starts at a multiple of it. */
export const parameterBlock = 64;
