import fc from 'fast-check';

/** Property tests draw the same cases on every run unless ICNET_TEST_SEED gives another seed; failures print it. */
export const propertySeed = Number(process.env.ICNET_TEST_SEED ?? 20_210_203);

fc.configureGlobal({ seed: propertySeed });
