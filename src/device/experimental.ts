/** Features of drafts, which may change with any browser: of WebGPU's names what is behind `chromium-experimental-`. */
export const experimentalFeatures = ['subgroup-matrix'] as const;

/** One of them. */
export type ExperimentalFeature = (typeof experimentalFeatures)[number];

/** WebGPU's name of a feature of a draft. */
export function draftFeature(name: ExperimentalFeature): GPUFeatureName {
  return `chromium-experimental-${name}` as GPUFeatureName;
}
