import { call } from '../engine.js';
import type { DataDescription, DataSource, PlacedFile } from '../protocol.js';
import { byId } from './dom.js';
import { grouped } from './numbers.js';

/** The fields that say what to train on. */
export interface DataFields {
  /**
   * Makes the worker hold what the fields say.
   *
   * @throws EngineError where it cannot be loaded, Error where nothing was chosen
   */
  ready(): Promise<void>;
  takeFiles(files: readonly PlacedFile[]): void;
  /** Shows what belongs to the kind of data that the form says now. */
  show(): void;
  /** Shows what the worker holds now that it was not made to by these fields. */
  describe(data: DataDescription): void;
}

/** Where the development server has MNIST; the static page asks. */
const servedMnist = import.meta.env.DEV ? './mnist/' : '';

export function setUpData(form: HTMLFormElement): DataFields {
  const choice = form.elements.namedItem('data') as HTMLSelectElement;
  const address = form.elements.namedItem('mnistAddress') as HTMLInputElement;
  const status = byId('data-status');
  let files: readonly PlacedFile[] = [];
  let held = '';
  /** The choice that the status describes. */
  let described = '';

  const show = (): void => {
    byId('data-files').hidden = choice.value !== 'files';
    byId('data-mnist').hidden = choice.value !== 'mnist' || servedMnist !== '';
    if (described === choice.value) return;
    described = '';
    status.textContent =
      choice.value === 'files' && files.length > 0
        ? `${files.length === 1 ? '1 file' : `${grouped(files.length)} files`}, read when you start`
        : '';
  };
  const takeFiles = (chosen: readonly PlacedFile[]): void => {
    if (chosen.length === 0) return;
    files = chosen;
    held = '';
    described = '';
    choice.value = 'files';
    show();
  };

  for (const [button, input] of [
    ['choose-files', 'files'],
    ['choose-folder', 'folder'],
  ] as const) {
    const picker = byId<HTMLInputElement>(input);
    byId(button).addEventListener('click', () => picker.click());
    picker.addEventListener('change', () => {
      takeFiles([...(picker.files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file })));
      picker.value = '';
    });
  }
  show();

  function source(): DataSource {
    switch (choice.value) {
      case 'mnist': {
        if (files.length > 0 && !servedMnist && !address.value) return { kind: 'files', files };
        const given = servedMnist || address.value;
        if (!given) throw new Error('Say where the MNIST files lie, or drop them here.');
        return { kind: 'mnist', address: new URL(given.replace(/\/?$/, '/'), location.href).href };
      }
      case 'files':
        if (files.length === 0) throw new Error('Choose or drop the files of a data set first.');
        return { kind: 'files', files };
      default:
        return { kind: choice.value as 'drawn' | 'lit' };
    }
  }

  const describe = ({ name, trainImages, testImages, height, width, classes, notes }: DataDescription): void => {
    described = choice.value;
    status.textContent = `${name}: ${grouped(trainImages)} pictures of ${width} × ${height} to learn from, ${grouped(testImages)} to test with, ${classes.length} classes${notes.map((note) => `. ${note}`).join('')}`;
  };

  return {
    takeFiles,
    show,
    describe(data) {
      held = '';
      describe(data);
    },
    async ready() {
      const wanted = source();
      const key = JSON.stringify(wanted);
      if (key === held) return;
      const data = await call('useData', wanted);
      held = key;
      describe(data);
    },
  };
}
