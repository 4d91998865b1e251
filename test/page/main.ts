import { isSoftware } from '../../src/device/adapter.js';
import { requestDevice } from '../../src/device/device.js';
import { type Golden, readGolden } from '../golden/read.js';
import {
  type CompiledCatalogue,
  compileCatalogue,
  holdConvolutions,
  holdInference,
  holdResume,
  holdTrainingStep,
  inferredNetworks,
} from '../support/proofs.js';

/* Run in a browser by test/page/page.test.ts, to which it sends what came of it. */

/** What the page found: numbers of what was held to something, or what went wrong. */
export interface PageReport extends Partial<CompiledCatalogue> {
  readonly browser: string;
  readonly adapter?: string;
  /** Whether a processor plays the GPU. */
  readonly software?: boolean;
  readonly features?: readonly string[];
  readonly convolutions?: number;
  readonly networks?: number;
  readonly tensors?: number;
  readonly resumedSteps?: number;
  readonly failure?: string;
}

async function golden(name: string): Promise<Golden> {
  const response = await fetch(`${name}.safetensors`);
  return readGolden(name, new Uint8Array(await response.arrayBuffer()));
}

async function inferNetworks(device: GPUDevice): Promise<number> {
  for (const name of inferredNetworks) await holdInference(device, name, await golden(name));
  return inferredNetworks.length;
}

async function report(): Promise<PageReport> {
  const browser = navigator.userAgent;
  try {
    const adapter = await navigator.gpu?.requestAdapter();
    if (!adapter) return { browser, failure: navigator.gpu ? 'no adapter' : 'no navigator.gpu' };
    const device = await requestDevice(adapter);
    const { vendor, architecture, description } = adapter.info;
    return {
      browser,
      adapter: [vendor, architecture, description].filter(Boolean).join(' ') || 'unnamed',
      software: isSoftware(adapter.info),
      features: [...device.features],
      ...(await compileCatalogue(device)),
      convolutions: await holdConvolutions(device, await golden('conv')),
      networks: await inferNetworks(device),
      tensors: await holdTrainingStep(device, await golden('ic_resnet8')),
      resumedSteps: await holdResume(device),
    };
  } catch (error) {
    return { browser, failure: error instanceof Error ? `${error.message}\n${error.stack}` : String(error) };
  }
}

await fetch('report', { method: 'POST', body: JSON.stringify(await report()) });
