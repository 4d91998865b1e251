/** Features of drafts, which may change with any browser: of WebGPU's names what is behind `chromium-experimental-`. */
export type ExperimentalFeature = 'subgroup-matrix';

/** All of them. */
export const experimentalFeatures: readonly ExperimentalFeature[] = ['subgroup-matrix'];

/** WebGPU's name of a feature of a draft. */
export function draftFeature(name: ExperimentalFeature): string {
  return `chromium-experimental-${name}`;
}
