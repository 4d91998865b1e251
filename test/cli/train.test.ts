import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../src/io/safetensors.js';
import { decodeCheckpoint } from '../../src/train/checkpoint.js';
import { atPrinting, interruptsItself } from '../support/interrupts.js';
import { stripes } from '../train/smallTraining.js';
import {
  adapter,
  type Ended,
  type Installed,
  installCommand,
  type Meddling,
  objects,
  writeIdxFolder,
} from './icnet.js';

let icnet: Installed;
beforeAll(async () => {
  icnet = await installCommand();
  await writeIdxFolder(join(icnet.folder, data), stripes(32), stripes(21));
});
afterAll(() => icnet.remove());

/** A name that a drawing must not take for markup. */
const data = 'stripes & <more>';
const common = ['--data', data, '--batch', '8', '--adapter', adapter, '--json'];
const small = ['train', '--network', 'ic-resnet8', '--width', '4', '--crop', '1', '--flip', ...common];
const fine = { code: 0, signal: null };

const file = (...path: string[]): Promise<Buffer> => readFile(join(icnet.folder, ...path));
const eventsOf = ({ stdout }: Ended, event: string) => objects(stdout).filter((object) => object.event === event);
const lossesOf = (ended: Ended) => eventsOf(ended, 'step').map(({ loss }) => loss);

/** Interrupts a command as soon as it prints a step. */
const interrupt: Meddling = { environment: interruptsItself(/"step"/) };

describe('icnet train', () => {
  let firstLoss: unknown;

  it('reports every step, the test and the end, and leaves a checkpoint and curves', async () => {
    const ended = await icnet.run([...small, '--steps', '6', '--output', 'short']);
    expect(ended).toMatchObject(fine);
    const events = objects(ended.stdout);
    expect(events.map(({ event }) => event)).toEqual([...Array<string>(6).fill('step'), 'eval', 'done']);
    events.slice(0, 6).forEach((event, step) => {
      expect(Object.keys(event)).toEqual(['event', 'step', 'loss', 'accuracy', 'learningRate']);
      expect(event.step).toBe(step);
      expect(event.loss).toBeGreaterThan(0);
      expect(Number(event.accuracy) * 8).toBeCloseTo(Math.round(Number(event.accuracy) * 8), 10);
    });
    expect(events[0]!.learningRate).toBe(0.1);
    firstLoss = events[0]!.loss;
    const [test, done] = events.slice(6);
    expect(test).toMatchObject({ images: 21, loss: expect.any(Number), top: 3, topAccuracy: 1 });
    expect(done).toMatchObject({
      testAccuracy: test!.accuracy,
      steps: 6,
      seconds: expect.any(Number),
      checkpoint: join('short', 'checkpoint.safetensors'),
      adapter: expect.stringMatching(/./),
    });
    expect((await readdir(join(icnet.folder, 'short'))).sort()).toEqual(['checkpoint.safetensors', 'curves.svg']);
    const checkpoint = decodeCheckpoint(await file('short', 'checkpoint.safetensors'));
    expect(checkpoint.network.name).toBe('ic-resnet8');
    expect(checkpoint.network.input).toEqual({ height: 8, width: 8, channels: 1 });
    expect(checkpoint.training).toEqual({ step: 6, steps: 6, seed: 1, batch: 8, dataset: data, optimiser: 'sgd' });
    expect(ended.stderr).toContain('Adapter: ');
    expect(ended.stderr).toContain('6 steps of 8 images');

    const evaluated = await icnet.run(['eval', join('short', 'checkpoint.safetensors'), ...common]);
    expect(evaluated).toMatchObject(fine);
    const [result, end, ...more] = objects(evaluated.stdout);
    expect(more).toEqual([]);
    expect(result).toMatchObject({ event: 'eval', images: 21, accuracy: test!.accuracy, topAccuracy: 1 });
    expect(result!.loss).toBeCloseTo(Number(test!.loss), 4);
    expect(end).toMatchObject({ event: 'done', testAccuracy: test!.accuracy, steps: 6, adapter: done!.adapter });
  });

  it('draws its curves in sound markup', async () => {
    const svg = (await file('short', 'curves.svg')).toString();
    const elements = parsedElements(svg);
    expect(elements[0]).toBe('svg');
    expect(elements.filter((name) => name === 'path').length).toBeGreaterThan(4);
    expect(svg).toContain('ic-resnet8 on stripes &amp; &lt;more&gt;');
  });

  it('stops in order when interrupted, and resumed ends as if it never had been', async () => {
    const steps = [...small, '--steps', '40', '--optimiser', 'adamw', '--seed', '5'];
    const whole = await icnet.run([...steps, '--output', 'whole']);
    expect(whole).toMatchObject(fine);
    const stopped = await icnet.run([...steps, '--output', 'parts'], interrupt);
    expect(stopped).toMatchObject({ code: 130, signal: null });
    const [done] = eventsOf(stopped, 'done');
    expect(done).toMatchObject({ testAccuracy: null, checkpoint: join('parts', 'checkpoint.safetensors') });
    expect(eventsOf(stopped, 'eval')).toEqual([]);
    const at = done!.steps as number;
    expect(at).toBeGreaterThan(0);
    expect(at).toBeLessThan(40);
    const checkpoint = decodeCheckpoint(await file('parts', 'checkpoint.safetensors'));
    expect(checkpoint.training).toMatchObject({ step: at, steps: 40, seed: 5, optimiser: 'adamW' });
    expect((await stat(join(icnet.folder, 'parts', 'curves.svg'))).size).toBeGreaterThan(1000);

    const resume = ['--resume', done!.checkpoint as string, '--output', 'parts'];
    const resumed = await icnet.run([...steps, ...resume]);
    expect(resumed).toMatchObject(fine);
    expect(eventsOf(resumed, 'step')[0]!.step).toBe(at);
    // The same seed gives the same losses, stopped or not; the first step of another seed knows nothing of the rest.
    expect(lossesOf(stopped)).toEqual(lossesOf(whole).slice(0, at));
    expect(lossesOf(whole)[0]).not.toBe(firstLoss);
    expect([...lossesOf(stopped), ...lossesOf(resumed)]).toEqual(lossesOf(whole));
    expect(eventsOf(resumed, 'eval')).toEqual(eventsOf(whole, 'eval'));
    const files = await Promise.all(['whole', 'parts'].map((folder) => file(folder, 'checkpoint.safetensors')));
    expect(files[0]!.equals(files[1]!)).toBe(true);
  });

  it('has nothing left to do for a finished training but to test it', async () => {
    const resume = ['--resume', join('whole', 'checkpoint.safetensors'), '--output', 'finished'];
    const ended = await icnet.run([...small, '--steps', '40', '--optimiser', 'adamw', '--seed', '5', ...resume]);
    expect(ended).toMatchObject(fine);
    expect(objects(ended.stdout).map(({ event }) => event)).toEqual(['eval', 'done']);
    const kept = await file(...(eventsOf(ended, 'done')[0]!.checkpoint as string).split('/'));
    expect(kept.equals(await file('whole', 'checkpoint.safetensors'))).toBe(true);
  });

  it.each<[string, number, Meddling]>([
    ['it is told to end', 143, { environment: interruptsItself(/"step"/, 'SIGTERM') }],
    ['nobody reads on', 141, { started: ({ stdout }) => stdout.once('data', () => stdout.destroy()) }],
  ])('saves where %s, with exit code %i', async (_, code, meddling) => {
    const output = `ended-${code}`;
    const ended = await icnet.run([...small, '--steps', '900', '--save-every', '1000', '--output', output], meddling);
    expect(ended).toMatchObject({ code, signal: null });
    const { training } = decodeCheckpoint(await file(output, 'checkpoint.safetensors'));
    expect(training!.step).toBeGreaterThan(0);
    expect(training!.step).toBeLessThan(900);
    expect((await readdir(join(icnet.folder, output))).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('finds out ahead of the training that it cannot write', async () => {
    await writeFile(join(icnet.folder, 'in-the-way'), '');
    await mkdir(join(icnet.folder, 'full', 'curves.svg'), { recursive: true });
    for (const [output, reason] of [
      ['in-the-way', 'ENOTDIR: not a directory'],
      [join('in-the-way', 'below'), 'ENOTDIR: not a directory'],
      ['full', 'EISDIR: is a directory'],
    ] as const) {
      const ended = await icnet.run([...small, '--steps', '6', '--output', output]);
      expect(ended).toMatchObject({ code: 1, signal: null, stdout: '' });
      expect(ended.stderr).toMatch(/^icnet: train: --output: expected a place that can be written, got .+\n$/);
      expect(ended.stderr).toContain(`(${reason})`);
    }
  });

  it('keeps what it learned elsewhere where its folder is gone, and says where', async () => {
    const temporary = join(icnet.folder, 'temporary');
    await mkdir(temporary);
    const { TMPDIR } = process.env;
    process.env.TMPDIR = temporary;
    const steps = ['--steps', '40', '--save-every', '15', '--output', 'gone'];
    const removed = `rmSync(${JSON.stringify(join(icnet.folder, 'gone'))}, { recursive: true });`;
    const running = icnet.run([...small, ...steps], { environment: atPrinting(/"step"/, removed) });
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
    const ended = await running;
    expect(ended).toMatchObject({ code: 1, signal: null });
    const asked = join('gone', 'checkpoint.safetensors');
    const words = `${asked} cannot be written (ENOENT: no such file or directory)`;
    expect(ended.stderr).toContain(`${words}; the training goes on and tries again`);
    const { checkpoint } = eventsOf(ended, 'done')[0] as { checkpoint: string };
    expect(ended.stderr).toContain(`${words}; what belongs there is in ${checkpoint}\n`);
    expect(checkpoint.startsWith(temporary)).toBe(true);
    expect(decodeCheckpoint(await readFile(checkpoint)).training).toMatchObject({ step: 40, steps: 40 });
    expect((await readdir(dirname(checkpoint))).sort()).toEqual(['checkpoint.safetensors', 'curves.svg']);
  });

  it("writes below runs whatever a checkpoint's network is called", async () => {
    const { metadata, tensors } = readSafetensors(await file('short', 'checkpoint.safetensors'));
    const record = JSON.parse(metadata['ic-networks']!) as { network: { name: string } };
    const outside = `../../${basename(icnet.folder)}-escaped`;
    record.network.name = outside;
    const hostile = writeSafetensors(tensors, { 'ic-networks': JSON.stringify(record) });
    await writeFile(join(icnet.folder, 'hostile.safetensors'), hostile);
    const ended = await icnet.run([...small, '--steps', '6', '--resume', 'hostile.safetensors']);
    expect(ended).toMatchObject(fine);
    expect(existsSync(join(icnet.folder, 'runs', outside))).toBe(false);
    const { checkpoint } = eventsOf(ended, 'done')[0] as { checkpoint: string };
    expect(checkpoint).toMatch(/^runs\/icnet-[a-z0-9-]+-[0-9a-f]{12}\/checkpoint\.safetensors$/);
    expect(decodeCheckpoint(await file(checkpoint)).network.name).toBe(outside);
  });

  it('refuses to resume another training', async () => {
    const resume = ['--resume', join('short', 'checkpoint.safetensors')];
    const ended = await icnet.run([...small, '--steps', '6', '--seed', '2', ...resume]);
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toMatch(/^icnet: checkpoint: checkpoint, training\.seed: expected 2, as asked for, got 1$/m);
  });

  it('stops where the loss is not finite, and keeps the last good checkpoint', async () => {
    const wild = ['--schedule', 'constant', '--warm-up', '0', '--learning-rate', '1e30', '--save-every', '1'];
    const ended = await icnet.run([...small, ...wild, '--steps', '20', '--output', 'wild']);
    expect(ended).toMatchObject({ code: 1, signal: null });
    const steps = lossesOf(ended).length;
    const checkpoint = join('wild', 'checkpoint.safetensors');
    expect(ended.stderr).toMatch(new RegExp(`^icnet: train: loss of step ${steps}: .*${checkpoint}`, 'm'));
    expect(objects(ended.stdout).every(({ event }) => event === 'step')).toBe(true);
    expect(decodeCheckpoint(await file(checkpoint)).training!.step).toBe(steps);
    expect(await readdir(join(icnet.folder, 'wild'))).toEqual(['checkpoint.safetensors']);
  });
});

/** Names of a document's elements in order, if it is well formed: tags balance, attributes and text are escaped. */
function parsedElements(xml: string): string[] {
  const text = /(?:[^<&]|&(?:amp|lt|gt|quot|apos|#\d+|#x[\da-f]+);)+/iy;
  const tag = /<(\/?)([\w:.-]+)((?:\s+[\w:.-]+="(?:[^"<&]|&(?:amp|lt|gt|quot|apos|#\d+);)*")*)\s*(\/?)>/y;
  const data = /<!\[CDATA\[[\s\S]*?\]\]>/y;
  const names: string[] = [];
  const open: string[] = [];
  let position = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = position;
    const found = pattern.exec(xml);
    if (found) position = pattern.lastIndex;
    return found;
  };
  while (position < xml.length) {
    if (match(text) || match(data)) continue;
    const found = match(tag);
    if (!found) throw new Error(`no markup at ${position}: ${xml.slice(position, position + 80)}`);
    const [, end, name, , empty] = found;
    if (end) {
      if (open.pop() !== name) throw new Error(`${name} ends at ${position}, but is not open`);
    } else {
      names.push(name!);
      if (!empty) open.push(name!);
    }
    const rest = xml.slice(position).trim();
    if (open.length === 0 && rest !== '') throw new Error(`more behind the document: ${rest.slice(0, 80)}`);
  }
  if (open.length > 0) throw new Error(`${open} are not closed`);
  return names;
}
