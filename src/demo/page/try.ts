import { call, listen } from '../engine.js';
import digits from '../models/digits.json';
import type { ModelDescription, ModelName, PlacedFile } from '../protocol.js';
import { createBars } from './bars.js';
import { createCamera } from './camera.js';
import { byId, create, oneAtATime } from './dom.js';
import { fillModels } from './modelList.js';
import { grouped, percent } from './numbers.js';
import { createPad } from './pad.js';
import { isPictureFile, readPicture } from './pictureFile.js';
import { subject } from './subject.js';
import { hideTrouble, showError } from './trouble.js';
import html from './try.html?raw';
import { setUpUnit } from './unit.js';
import { type Writing, writeDigits } from './writing.js';

const digitClasses = Array.from({ length: 10 }, (_, digit) => `${digit}`);
/** Written by themselves when the page opens, each in a hand that is easily read. */
const openingDigits = [
  [2, 4],
  [8, 5],
  [3, 9],
] as const;

/** The part of the page that classifies what is drawn, dropped or filmed. */
export function setUpTry(section: HTMLElement): { show(): void } {
  section.innerHTML = html;
  byId('try-lead').textContent =
    `A small IC-ResNet-8 runs in this page, on your GPU, and reads what is written while it is written. Take the pen. It gets ${percent(digits.accuracy, 2)} of MNIST’s ${grouped(digits.images)} test digits right.`;
  const hint = byId('pad-hint');
  const select = byId<HTMLSelectElement>('model');
  const half = byId<HTMLInputElement>('model-half');
  const bars = createBars(byId('bars'));
  const unit = setUpUnit(byId('unit'));
  const pad = createPad(byId<HTMLCanvasElement>('pad'), (empty) => {
    hint.hidden = !empty;
    ask();
  });
  let writing: Writing | undefined;
  /** The file that is being read. */
  let reading = '';
  let models: readonly ModelDescription[] = [];

  const chosen = (): ModelDescription | undefined => models.find(({ name }) => name === select.value);
  const classes = (): readonly string[] => chosen()?.classes ?? digitClasses;

  const askOnce = oneAtATime(answer);
  const lookOnce = oneAtATime(async () => {
    const given = await pad.picture();
    if (given) await unit.show(given);
  });

  /** One question at a time; what is drawn meanwhile makes the next one. */
  function ask(): void {
    askOnce().then(lookOnce).catch(showError);
  }

  async function answer(): Promise<void> {
    const given = await pad.picture();
    if (!given) return showNothing();
    if (models.length === 0) byId('answer-text').textContent = 'Loading the network';
    await listModels();
    const question = { model: select.value as ModelName, half: half.checked, ...given };
    const { probabilities, seen, milliseconds } = await call('classify', question, [given.bitmap]);
    const names = classes();
    bars.show(probabilities, names);
    const best = probabilities.indexOf(Math.max(...probabilities));
    byId('answer-best').textContent = names[best]!.split(',')[0]!;
    byId('answer-best').classList.toggle('word', names[best]!.length > 3);
    byId('answer-text').textContent = `${percent(probabilities[best])} sure`;
    byId('answer-time').textContent = `${milliseconds.toFixed(1)} ms`;
    const canvas = byId<HTMLCanvasElement>('seen');
    Object.assign(canvas, { width: seen.width, height: seen.height });
    canvas.getContext('2d')!.putImageData(new ImageData(seen.pixels, seen.width, seen.height), 0, 0);
  }

  function showNothing(): void {
    hint.hidden = false;
    bars.show(undefined, classes());
    byId('answer-best').textContent = '–';
    byId('answer-text').textContent = reading ? `Reading ${reading}` : 'Nothing is drawn yet';
    byId('answer-time').textContent = '';
    byId<HTMLCanvasElement>('seen').getContext('2d')!.clearRect(0, 0, 1000, 1000);
  }

  async function listModels(): Promise<void> {
    models = await fillModels(select, subject.model);
  }

  async function openModel(file: File): Promise<void> {
    hideTrouble();
    try {
      byId('answer-text').textContent = `Reading ${file.name}`;
      await call('openModel', file);
      await listModels();
      subject.model = 'file';
      select.value = 'file';
      ask();
    } catch (error) {
      showError(error);
    }
  }

  async function openPicture(file: File): Promise<void> {
    hideTrouble();
    reading = file.name;
    pad.clear();
    try {
      const picture = await readPicture(file);
      pad.show(picture);
      picture.close();
    } catch (error) {
      showError(error);
    } finally {
      reading = '';
      ask();
    }
  }

  listen('reading', ({ bytes, total }) => {
    byId('answer-text').textContent = `Reading the weights, ${percent(bytes / total, 0)}`;
  });

  const camera = createCamera(byId<HTMLVideoElement>('camera-video'), (video) => {
    // It films nobody who looks at something else.
    if (section.hidden || document.hidden) stopCamera();
    else pad.show(video);
  });
  const cameraButton = byId<HTMLButtonElement>('pad-camera');
  const stopCamera = (): void => {
    camera.stop();
    cameraButton.setAttribute('aria-pressed', 'false');
    cameraButton.textContent = 'Camera';
  };
  cameraButton.addEventListener('click', async () => {
    if (camera.on) return stopCamera();
    hideTrouble();
    cameraButton.disabled = true;
    try {
      await camera.start();
      cameraButton.setAttribute('aria-pressed', 'true');
      cameraButton.textContent = 'Stop camera';
    } catch (error) {
      stopCamera();
      showError(error);
    } finally {
      cameraButton.disabled = false;
    }
  });
  byId('pad').addEventListener('pointerdown', () => camera.on && stopCamera());
  // Whoever touches anything has the pen.
  const stopWriting = (): void => writing?.stop();
  for (const touch of ['pointerdown', 'keydown'] as const)
    section.addEventListener(touch, stopWriting, { capture: true });
  addEventListener('filesdropped', stopWriting);
  byId('pad-clear').addEventListener('click', () => {
    stopCamera();
    pad.clear();
  });

  for (const [button, input, open] of [
    ['pad-picture', 'picture-file', openPicture],
    ['open-model', 'model-file', openModel],
  ] as const) {
    const picker = byId<HTMLInputElement>(input);
    byId(button).addEventListener('click', () => picker.click());
    picker.addEventListener('change', () => {
      const [file] = picker.files ?? [];
      if (file) open(file);
      picker.value = '';
    });
  }

  let written = 0;
  byId('samples').append(
    ...digitClasses.map((digit) => {
      const button = create('button', { type: 'button', textContent: digit, ariaLabel: `Write a ${digit}` });
      button.addEventListener('click', async () => {
        stopCamera();
        const { digitStrokes } = await import('../data/digits.js');
        pad.setStrokes(digitStrokes(Number(digit), ++written));
      });
      return button;
    }),
  );

  select.append(create('option', { value: 'shipped', textContent: 'IC-ResNet-8, comes with the page' }));
  select.addEventListener('change', () => {
    subject.model = select.value as ModelName;
    ask();
  });
  half.addEventListener('change', ask);
  subject.picture = pad.picture;
  listen('phase', () => {
    if (models.length > 0) listModels().catch(showError);
  });
  addEventListener('filesdropped', (event) => {
    if (section.hidden) return;
    const { files } = (event as CustomEvent<{ files: readonly PlacedFile[] }>).detail;
    for (const { path, file } of files) {
      if (path.endsWith('.safetensors')) openModel(file);
      else if (isPictureFile(file)) openPicture(file);
      else showError(new Error(`${file.name} is neither a picture nor a network that this page reads.`));
    }
  });
  showNothing();
  return {
    show() {
      writing ??= writeDigits(openingDigits, pad.setStrokes);
      if ([...select.options].some(({ value }) => value === subject.model)) select.value = subject.model;
    },
  };
}
