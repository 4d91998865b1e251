import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

/** Keeps compiled Python out of the source folders. */
const environment = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };

function hasTorch(python: string): boolean {
  try {
    execFileSync(python, ['-c', 'import torch'], { stdio: 'ignore', env: environment });
    return true;
  } catch {
    return false;
  }
}

/** A Python that has torch: the one in use, or that of the system. */
export function findTorch(): string {
  const python = ['python3', '/usr/bin/python3'].find(hasTorch);
  if (python === undefined) throw new Error('expected a python3 that has torch, got none');
  return python;
}

/** Runs a script of this folder and returns what it prints. */
export async function runScript(python: string, script: string, ...args: string[]): Promise<string> {
  const path = `${import.meta.dirname}/${script}`;
  const { stdout } = await promisify(execFile)(python, [path, ...args], { env: environment });
  return stdout;
}
