import { describe, expect, it } from 'vitest';
import { networkParameters } from '../../src/graph/parameters.js';
import { familyRuns } from '../golden/families.js';
import { goldenParameters } from '../golden/load.js';
import { networkBackward, networkForward } from '../reference/network.js';
import { nchwToNhwc } from '../support/layout.js';
import { uniform } from '../support/random.js';
import { expectClose } from '../support/tolerance.js';
import { goldenFamilies } from './familyNetworks.js';

const classes = 5;

/** The float64 interpreter on a family's data is what PyTorch computes; what the device computes is held to the interpreter. */
describe.each(Object.entries(familyRuns))('%s', (name, run) => {
  const ic = name.startsWith('ic-');
  const [batch, channels, height, width] = run.input;
  const network = goldenFamilies[name.replace('ic-', '')]!({ ic, classes, input: { height, width, channels } });
  // The slope of a hard sigmoid, 1 / 6, is a float32 number here, and in PyTorch on the way back.
  const tolerance = network.layers.some((layer) => 'function' in layer && layer.function === 'hardSigmoid')
    ? 1e-7
    : 1e-9;
  const specs = networkParameters(network);
  const shapes = new Map(specs.map((spec) => [spec.name, spec.shape]));
  const parameters = goldenParameters(run.parameters, (parameter) => shapes.get(parameter)!);
  const images = nchwToNhwc(uniform(batch * channels * height * width, 99), [batch, channels, height, width]);

  it('has the same state', () => {
    expect(specs.map((spec) => spec.name)).toEqual(run.parameters);
  });

  it('infers the same logits', () => {
    const { logits } = networkForward(network, parameters, images, { training: false });
    const largest = Math.max(...run.logits.map(Math.abs));
    expectClose(logits, run.logits, tolerance * largest, `${name} logits`);
  });

  it('has the same loss and gradients of a training step', () => {
    const pass = networkForward(network, parameters, images, { training: true });
    const labels = Array.from({ length: batch }, (_, i) => (7 * i) % classes);
    const { loss, gradients } = networkBackward(pass, labels);
    expectClose(
      pass.logits,
      run.trainLogits,
      tolerance * Math.max(...run.trainLogits.map(Math.abs)),
      `${name} train logits`,
    );
    expectClose([loss], [run.loss], tolerance * run.loss, `${name} loss`);
    expect(Object.keys(run.gradientSums)).toHaveLength(specs.filter(({ trainable }) => trainable).length);
    for (const [parameter, expected] of Object.entries(run.gradientSums)) {
      const gradient = gradients.get(parameter)!;
      const factors = uniform(gradient.length, 1000 + run.parameters.indexOf(parameter));
      const sum = gradient.reduce((total, value, i) => total + value * factors[i]!, 0);
      const magnitude = gradient.reduce((total, value, i) => total + Math.abs(value * factors[i]!), 0);
      // A bias ahead of a batch norm changes nothing: its gradient is rounding errors.
      expectClose([sum], [expected], 10 * tolerance * magnitude + 1e-13, `${name} gradient of ${parameter}`);
    }
  });
});
