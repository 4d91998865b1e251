import type { Precision } from '../src/ops/precision.js';
import { coldNetwork, coldValues, reportLogits } from './cold.js';

/*
 * A process that does one inference with the built package and says what came out.
 * Arguments: the adapter, the precision.
 */
const built = (name: string): string => new URL(`../../dist/${name}.js`, import.meta.url).href;
const { openDevice } = (await import(/* @vite-ignore */ built('node'))) as typeof import('../src/node.js');
const core = (await import(/* @vite-ignore */ built('index'))) as typeof import('../src/index.js');

const { device, close } = await openDevice({ adapter: process.argv[2]!, quiet: true });
const { state: values, images } = coldValues();
const state = core.createState(device, coldNetwork);
core.writeState(state, values);
const network = await core.compileInference(state, { batch: 1, precision: process.argv[3] as Precision });
reportLogits(await network.run(images));
close();
