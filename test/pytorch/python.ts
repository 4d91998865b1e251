import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

/** Keeps compiled Python out of the source folders. */
const environment = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };

function has(python: string, module: string): boolean {
  try {
    execFileSync(python, ['-c', `import ${module}`], { stdio: 'ignore', env: environment });
    return true;
  } catch {
    return false;
  }
}

/** A Python that has a module: the one in use, or that of the system. */
export function findPython(module: 'torch' | 'torchvision'): string {
  const python = ['python3', '/usr/bin/python3'].find((one) => has(one, module));
  if (python === undefined) throw new Error(`expected a python3 that has ${module}, got none`);
  return python;
}

/** Runs a script of this folder and returns what it prints. */
export async function runScript(python: string, script: string, ...args: string[]): Promise<string> {
  const path = `${import.meta.dirname}/${script}`;
  const { stdout } = await promisify(execFile)(python, [path, ...args], { env: environment });
  return stdout;
}
