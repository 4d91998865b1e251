import { installSoftwareAdapter, loadVulkanLoader } from './software.js';

/** Whose Vulkan drivers to look at: those that the environment names, all that are installed, or the embedded one. */
export type Drivers = 'environment' | 'installed' | 'embedded';

/** The variables that tell the Vulkan loader its drivers; the first wins over the second. */
export interface DriverVariables {
  readonly VK_DRIVER_FILES: string | undefined;
  readonly VK_ICD_FILENAMES: string | undefined;
}

function currentVariables(): DriverVariables {
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES } = process.env;
  return { VK_DRIVER_FILES, VK_ICD_FILENAMES };
}

function setVariables(variables: DriverVariables): void {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}

async function variablesFor(drivers: Drivers): Promise<DriverVariables> {
  if (drivers === 'environment') return currentVariables();
  if (drivers === 'installed') return { VK_DRIVER_FILES: undefined, VK_ICD_FILENAMES: undefined };
  const { loader, driver } = await installSoftwareAdapter();
  loadVulkanLoader(loader);
  return { VK_DRIVER_FILES: undefined, VK_ICD_FILENAMES: driver };
}

/** Whether the environment names the drivers to use. */
export function driversWereChosen(): boolean {
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES } = currentVariables();
  return Boolean(VK_DRIVER_FILES || VK_ICD_FILENAMES);
}

/**
 * Runs `work` with the environment set for these drivers, and puts it back afterwards. Vulkan reads the variables when
 * adapters are looked for; devices that are open by then need them no more.
 *
 * @throws UnsupportedError where the embedded driver cannot be had.
 */
export async function withDrivers<T>(drivers: Drivers, work: (variables: DriverVariables) => Promise<T>): Promise<T> {
  const variables = await variablesFor(drivers);
  const before = currentVariables();
  setVariables(variables);
  try {
    return await work(variables);
  } finally {
    setVariables(before);
  }
}
