import { call, listen } from '../engine.js';
import { type Role, roles, type TrainingOverview, type TrainingPhase } from '../protocol.js';
import type { Chart } from './charts.js';
import { setUpData } from './data.js';
import { byId, download } from './dom.js';
import { displayName } from './names.js';
import { duration, figures, grouped, percent } from './numbers.js';
import { createPace } from './pace.js';
import { readSettings } from './settings.js';
import html from './train.html?raw';
import { hideTrouble, showError, showTrouble } from './trouble.js';

/** Steps over which a network's numbers are averaged. */
const recentSteps = 20;

interface Recent {
  step: number;
  losses: number[];
  accuracies: number[];
}

/** The part of the page that trains. */
export function setUpTrain(section: HTMLElement): { show(): void } {
  section.innerHTML = html;
  const [start, pause, reset] = ['start', 'pause', 'reset'].map((id) => byId<HTMLButtonElement>(id)) as [
    HTMLButtonElement,
    HTMLButtonElement,
    HTMLButtonElement,
  ];
  const status = byId('training-status');
  const progress = byId('progress');
  const form = byId<HTMLFormElement>('settings');
  const pace = createPace();
  let charts: { readonly loss: Chart; readonly accuracy: Chart } | undefined;
  let phase: TrainingPhase = 'idle';
  let overview: TrainingOverview | undefined;
  let recent = emptyRecent();
  /** For a reset ahead of the worker's part, which the worker ends itself. */
  let loading: AbortController | undefined;

  const { ready: dataReady, takeFiles } = setUpData(form);
  form.addEventListener('change', () => {
    if (phase === 'idle') nameNetworks(form);
  });
  form.addEventListener('submit', (event) => event.preventDefault());
  (form.elements.namedItem('optimiser') as HTMLSelectElement).addEventListener('change', () => {
    const rate = form.elements.namedItem('learningRate') as HTMLInputElement;
    rate.value = readSettings(form).optimiser === 'sgd' ? '0.1' : '0.01';
  });

  start.addEventListener('click', () => {
    if (phase === 'compiling' || !form.reportValidity()) return;
    begin(() => call('startTraining', readSettings(form)));
  });
  pause.addEventListener('click', () => {
    call(phase === 'paused' ? 'resumeTraining' : 'pauseTraining').catch(showError);
  });
  reset.addEventListener('click', () => {
    loading?.abort();
    call('resetTraining').catch(showError);
  });
  for (const role of roles) {
    byId(`save-${role}`).addEventListener('click', async () => {
      try {
        const { name, bytes } = await call('saveCheckpoint', role);
        download(name, bytes);
      } catch (error) {
        showError(error);
      }
    });
  }
  const picker = byId<HTMLInputElement>('checkpoint-files');
  byId('load').addEventListener('click', () => picker.click());
  picker.addEventListener('change', () => {
    const files = [...(picker.files ?? [])];
    picker.value = '';
    if (files.length > 0) loadCheckpoints(files);
  });

  listen('phase', ({ phase: entered, detail }) => enter(entered, detail));
  listen('compiling', ({ compiled, total }) => {
    say(`Compiling kernels, ${compiled} of ${total}`);
    fill(compiled / total);
  });
  listen('steps', ({ role, first, losses, accuracies }) => {
    charts?.loss.append(role, first, losses);
    charts?.accuracy.append(role, first, accuracies);
    const own = recent[role];
    own.step = first + losses.length;
    own.losses = [...own.losses, ...losses].slice(-recentSteps);
    own.accuracies = [...own.accuracies, ...accuracies].slice(-recentSteps);
    pace.add(losses.length);
    showNumbers(role);
    showProgress();
  });
  listen('rewound', ({ role, step }) => {
    charts?.loss.cut(role, step);
    charts?.accuracy.cut(role, step);
    recent[role].step = step;
  });
  listen('tested', ({ role, accuracy, images }) => {
    byId(`test-${role}`).textContent = ` · ${percent(accuracy, 2)} of ${grouped(images)} test pictures`;
  });
  listen('trouble', showTrouble);
  nameNetworks(form);

  function loadCheckpoints(files: readonly File[]): void {
    begin(() => call('loadCheckpoints', { files, settings: readSettings(form) }));
  }

  /** Starts a training that `ask` asks the worker for. */
  async function begin(ask: () => Promise<TrainingOverview>): Promise<void> {
    hideTrouble();
    enter('compiling');
    say('Loading the core and the pictures');
    loading = new AbortController();
    const { signal } = loading;
    signal.addEventListener('abort', () => enter('idle'));
    try {
      await prepareCharts();
      recent = emptyRecent();
      pace.clear();
      for (const role of roles) byId(`test-${role}`).textContent = '';
      charts!.loss.clear(readSettings(form).steps);
      charts!.accuracy.clear(readSettings(form).steps);
      await dataReady();
      signal.throwIfAborted();
      loading = undefined;
      overview = await ask();
      charts!.loss.clear(overview.steps);
      charts!.accuracy.clear(overview.steps);
      for (const { role, name, step } of overview.networks) {
        byId(`name-${role}`).textContent = displayName(name);
        recent[role].step = step;
      }
    } catch (error) {
      if (signal.aborted) return;
      enter('idle');
      showError(error);
    }
  }

  async function prepareCharts(): Promise<void> {
    if (charts) return;
    const { createChart } = await import('./charts.js');
    charts = {
      loss: createChart(byId('chart-loss'), 'loss'),
      accuracy: createChart(byId('chart-accuracy'), 'accuracy'),
    };
  }

  function enter(entered: TrainingPhase, detail?: string): void {
    phase = entered;
    const pressed = [start, pause, reset].find((button) => button === document.activeElement);
    const running = phase === 'training' || phase === 'recovering' || phase === 'testing';
    const busy = running || phase === 'compiling';
    document.body.dataset.phase = phase;
    start.hidden = running || phase === 'paused';
    // Not `disabled`, which would take the focus away.
    start.ariaDisabled = String(phase === 'compiling');
    start.textContent = phase === 'done' || phase === 'failed' ? 'Train again' : 'Start training';
    pause.hidden = !running && phase !== 'paused';
    pause.textContent = phase === 'paused' ? 'Go on' : 'Pause';
    pause.className = phase === 'paused' ? 'primary' : '';
    reset.disabled = phase === 'idle';
    // Who pressed a button that is gone now is at the one in its place.
    if (pressed?.hidden || pressed?.disabled) (start.hidden ? pause : start).focus();
    for (const field of form.elements) (field as HTMLInputElement).disabled = busy || phase === 'paused';
    for (const role of roles)
      byId<HTMLButtonElement>(`save-${role}`).disabled = !['training', 'paused', 'done', 'testing'].includes(phase);
    if (phase !== 'training') pace.clear();
    if (phase === 'idle') nameNetworks(form);
    showProgress(detail);
  }

  function say(text: string): void {
    status.textContent = text;
  }

  function fill(share: number): void {
    progress.style.setProperty('--done', `${share}`);
    progress.setAttribute('aria-valuenow', `${Math.round(share * 100)}`);
  }

  function showNumbers(role: Role): void {
    const { losses, accuracies } = recent[role];
    byId(`loss-${role}`).textContent = losses.length > 0 ? mean(losses).toFixed(3) : '–';
    byId(`accuracy-${role}`).textContent = accuracies.length > 0 ? percent(mean(accuracies)) : '–';
  }

  function showProgress(detail?: string): void {
    if (phase === 'idle') {
      for (const role of roles) {
        recent = emptyRecent();
        showNumbers(role);
        byId(`test-${role}`).textContent = '';
      }
      fill(0);
      say('Nothing is loaded before you start.');
      return;
    }
    if (!overview || phase === 'compiling') return;
    const { steps, batch, distillation } = overview;
    const done = recent.ic.step + recent.plain.step;
    const teaching = distillation && recent.plain.step < steps;
    const step = teaching ? recent.plain.step : Math.min(recent.ic.step, recent.plain.step);
    const at = `${teaching ? 'The plain network first. ' : ''}Step ${grouped(step)} of ${grouped(steps)}`;
    fill(done / (2 * steps));
    const perSecond = pace.perSecond();
    const speed = perSecond
      ? ` · ${figures(perSecond)} steps/s · ${grouped(Math.round(perSecond * batch))} pictures/s · ${duration((2 * steps - done) / perSecond)} left`
      : '';
    const texts: Record<TrainingPhase, string> = {
      idle: '',
      compiling: '',
      training: at + speed,
      paused: `Paused. ${at}`,
      recovering: `The GPU was lost. Going on from the last checkpoint, in memory. ${at}`,
      testing: 'Testing on pictures that neither has seen',
      done: `Done, ${grouped(steps)} steps of ${batch} pictures`,
      failed: 'Stopped',
    };
    say(detail ?? texts[phase]);
  }

  addEventListener('filesdropped', (event) => {
    const { files } = (event as CustomEvent<{ files: readonly { path: string; file: File }[] }>).detail;
    if (section.hidden) return;
    const checkpoints = files.filter(({ path }) => path.endsWith('.safetensors'));
    if (checkpoints.length > 0) loadCheckpoints(checkpoints.map(({ file }) => file));
    else takeFiles(files);
  });
  return { show() {} };
}

function emptyRecent(): Record<Role, Recent> {
  const empty = (): Recent => ({ step: 0, losses: [], accuracies: [] });
  return { ic: empty(), plain: empty() };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function nameNetworks(form: HTMLFormElement): void {
  const { depth } = readSettings(form);
  byId('name-ic').textContent = `IC-ResNet-${depth}`;
  byId('name-plain').textContent = `ResNet-${depth}`;
}
