import '../style/teach.css';
import { call, listen } from '../engine.js';
import type { LessonExport, PlacedFile } from '../protocol.js';
import { createBars } from './bars.js';
import { createCamera } from './camera.js';
import { byId, download, oneAtATime } from './dom.js';
import { type ClassList, createClassList, fewestClasses, fewestPictures, type ShownPicture } from './lessonClasses.js';
import { showConfusion } from './lessonConfusion.js';
import { percent } from './numbers.js';
import { createPad } from './pad.js';
import { isPictureFile, readPicture } from './pictureFile.js';
import { squarePixels, thumbnailOf } from './pixels.js';
import html from './teach.html?raw';
import { hideTrouble, showError } from './trouble.js';

/** Height and width of what the network is given. */
const side = 32;

/** The part of the page that learns what the visitor shows it. */
export function setUpTeach(section: HTMLElement): { show(): void } {
  section.innerHTML = html;
  const video = byId<HTMLVideoElement>('teach-video');
  const padCanvas = byId<HTMLCanvasElement>('teach-pad');
  const start = byId<HTMLButtonElement>('teach-start');
  const stop = byId('teach-stop');
  const status = byId('teach-status');
  const bars = createBars(byId('taught-bars'));
  let taught: { readonly names: readonly string[] } | undefined;
  let teaching = false;
  /** The class whose button is held. */
  let filming: number | undefined;

  const answer = oneAtATime(async () => {
    if (!taught || section.hidden || teaching) return;
    const pixels = camera.on ? squarePixels(video, side) : (await drawing())?.pixels;
    if (!pixels) return;
    const probabilities = await call('recognise', pixels);
    bars.show(probabilities, taught.names);
    byId('taught-best').textContent = taught.names[probabilities.indexOf(Math.max(...probabilities))]!;
  });
  const ask = (): void => {
    answer().catch(showError);
  };

  const camera = createCamera(video, () => {
    // It films nobody who looks at something else.
    if (section.hidden || document.hidden) return usePad();
    if (filming !== undefined) classes.add(filming, pictureOf(video));
    else ask();
  });
  const pad = createPad(padCanvas, (empty) => {
    if (!empty) ask();
  });
  const classes: ClassList = createClassList(byId('classes'), {
    changed: () => showReadiness(),
    take(index) {
      if (!camera.on) takeDrawing(index).catch(showError);
      else filming = index;
    },
    release() {
      filming = undefined;
    },
    choose(index) {
      chosen = index;
      byId('class-files').click();
    },
  });
  let chosen = 0;

  function pictureOf(source: HTMLVideoElement | ImageBitmap, paper?: string): ShownPicture {
    return { pixels: squarePixels(source, side, paper), thumbnail: thumbnailOf(source, paper) };
  }

  /** What is drawn, white on black whatever the colours of the page. */
  async function drawing(): Promise<ShownPicture | undefined> {
    const drawn = await pad.picture();
    if (!drawn) return undefined;
    const picture = pictureOf(drawn.bitmap, 'black');
    drawn.bitmap.close();
    return picture;
  }

  async function takeDrawing(index: number): Promise<void> {
    const picture = await drawing();
    if (!picture) {
      status.textContent = 'Draw something first, or turn on the camera.';
      return;
    }
    classes.add(index, picture);
    pad.clear();
  }

  async function addFiles(index: number, files: readonly File[]): Promise<void> {
    hideTrouble();
    for (const file of files) {
      try {
        const picture = await readPicture(file);
        classes.add(index, pictureOf(picture));
        picture.close();
      } catch (error) {
        showError(error);
      }
    }
  }

  function showReadiness(): void {
    const ready = classes.ready();
    start.disabled = !ready || teaching;
    if (teaching) return;
    status.textContent = ready
      ? `${classes.pictures().length} pictures of ${classes.names().length} classes`
      : `Give ${fewestClasses} classes ${fewestPictures} pictures each.`;
  }

  function setTeaching(now: boolean): void {
    teaching = now;
    start.hidden = now;
    stop.hidden = !now;
    classes.disable(now);
  }

  async function teach(): Promise<void> {
    hideTrouble();
    const names = classes.names();
    const shown = classes.pictures();
    const pictures = shown.map(({ label, picture }) => ({ label, pixels: picture.pixels }));
    setTeaching(true);
    status.textContent = 'Before the first step the driver compiles the kernels';
    try {
      const { answers, trained } = await call('teach', { side, names, pictures });
      taught = { names };
      byId('taught').hidden = false;
      byId('taught-answer').hidden = false;
      const right = answers.filter((one) => one.answer === one.label).length;
      showConfusion(
        byId('confusion'),
        byId('cell-pictures'),
        names,
        answers,
        (index) => shown[index]!.picture.thumbnail,
      );
      setTeaching(false);
      status.textContent = `Learnt from ${trained} pictures; of ${answers.length} held out it gets ${right} right${answers.length > 0 ? `, ${percent(right / answers.length, 0)}` : ''}.`;
      start.disabled = false;
    } catch (error) {
      setTeaching(false);
      showReadiness();
      showError(error);
    }
    fill(0);
    ask();
  }

  function fill(share: number): void {
    const progress = byId('teach-progress');
    progress.style.setProperty('--done', `${share}`);
    progress.setAttribute('aria-valuenow', `${Math.round(share * 100)}`);
  }

  async function useCamera(): Promise<void> {
    hideTrouble();
    try {
      await camera.start();
      showEye();
    } catch (error) {
      usePad();
      showError(error);
    }
  }

  function usePad(): void {
    camera.stop();
    filming = undefined;
    showEye();
  }

  function showEye(): void {
    const films = camera.on;
    byId('eye-camera').setAttribute('aria-pressed', String(films));
    byId('eye-pad').setAttribute('aria-pressed', String(!films));
    video.hidden = !films;
    padCanvas.hidden = films;
    byId('teach-clear').hidden = films;
    classes.setVerb(films ? 'Hold to film' : 'Add drawing');
  }

  byId('eye-camera').addEventListener('click', useCamera);
  byId('eye-pad').addEventListener('click', usePad);
  byId('teach-clear').addEventListener('click', () => pad.clear());
  byId('add-class').addEventListener('click', () => classes.addClass());
  start.addEventListener('click', teach);
  stop.addEventListener('click', () => call('stopLesson').catch(showError));
  const picker = byId<HTMLInputElement>('class-files');
  picker.addEventListener('change', () => {
    addFiles(chosen, [...(picker.files ?? [])]);
    picker.value = '';
  });
  for (const button of section.querySelectorAll<HTMLButtonElement>('[data-export]')) {
    button.addEventListener('click', async () => {
      try {
        const { name, bytes } = await call('exportLesson', button.dataset.export as LessonExport);
        download(name, bytes);
      } catch (error) {
        showError(error);
      }
    });
  }
  listen('learning', ({ step, steps, loss, accuracy }) => {
    if (!teaching) return;
    fill((step + 1) / steps);
    status.textContent = `Step ${step + 1} of ${steps}: loss ${loss.toFixed(2)}, ${percent(accuracy, 0)} right`;
  });
  addEventListener('filesdropped', (event) => {
    if (section.hidden) return;
    const { files } = (event as CustomEvent<{ files: readonly PlacedFile[] }>).detail;
    const pictures = files.filter(({ file }) => isPictureFile(file));
    if (pictures.length === 0) return showError(new Error('Drop pictures here, or a folder of them for each class.'));
    // A folder is a class of its name; what lies in none goes to the class that was last touched.
    for (const folder of new Set(pictures.map(({ path }) => folderOf(path)))) {
      const index = folder === '' ? classes.current() : classes.named(folder);
      const inside = pictures.filter(({ path }) => folderOf(path) === folder);
      addFiles(
        index,
        inside.map(({ file }) => file),
      );
    }
  });
  showEye();
  showReadiness();
  return { show() {} };
}

/** The name of the folder that a file lies in; none for a file alone. */
function folderOf(path: string): string {
  return path.split('/').at(-2) ?? '';
}
