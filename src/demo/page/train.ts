import '../style/train.css';
import { call, listen } from '../engine.js';
import { type Role, roles, type TestResult, type TrainingOverview, type TrainingPhase } from '../protocol.js';
import type { Chart } from './charts.js';
import { setUpData } from './data.js';
import { byId, download } from './dom.js';
import { setUpKept } from './kept.js';
import { displayName } from './names.js';
import { duration, figures, grouped, percent, scaled } from './numbers.js';
import { createPace } from './pace.js';
import { type PresetName, presets, type RaceSettings } from './presets.js';
import type { RaceResult } from './raceResult.js';
import { recordedRace } from './recorded.js';
import { presetOf, readSettings, writeSettings } from './settings.js';
import { queryOf, readQuery } from './share.js';
import html from './train.html?raw';
import { hideTrouble, showError, showTrouble } from './trouble.js';
import { showVerdict } from './verdict.js';

/** Steps over which a network's numbers are averaged. */
const recentSteps = 20;

interface Recent {
  step: number;
  losses: number[];
  accuracies: number[];
}

/** A result with what the page says of where it comes from. */
interface Shown {
  readonly result: RaceResult;
  readonly source: string;
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
  let seed = 1;
  let tests: readonly TestResult[] = [];
  let recent = emptyRecent();
  /** When the wait for the first step began. */
  let waitingSince = 0;
  /** For a reset ahead of the worker's part, which the worker ends itself. */
  let loading: AbortController | undefined;
  /** What came with the page's address. */
  const shared = readQuery(location.search);
  const isShared = !!shared && shared.tests.length > 0;

  const dataFields = setUpData(form);
  if (shared) writeSettings(form, shared.settings);
  form.addEventListener('change', ({ target }) => {
    const { name, value } = target as HTMLInputElement;
    if (name === 'preset') writeSettings(form, presets[value as PresetName]);
    if (name === 'optimiser') {
      (form.elements.namedItem('learningRate') as HTMLInputElement).value = value === 'sgd' ? '0.1' : '0.01';
    }
    showSettings();
  });
  form.addEventListener('submit', (event) => event.preventDefault());

  start.addEventListener('click', () => {
    if (phase === 'compiling') return;
    if (!form.checkValidity()) byId<HTMLDetailsElement>('all-settings').open = true;
    if (form.reportValidity()) begin(() => call('startTraining', trainingSettings()));
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
  byId('copy-link').addEventListener('click', async () => {
    const address = new URL(`${queryOf(readSettings(form), shown().result.tests)}#train`, location.href).href;
    try {
      await navigator.clipboard.writeText(address);
      byId('share-status').textContent = 'Copied. Who opens it sees these results, and can race with these settings.';
    } catch {
      byId('share-status').textContent = address;
    }
  });
  byId('save-picture').addEventListener('click', async () => {
    const { drawResult } = await import('./picture.js');
    const { result, source } = shown();
    const canvas = drawResult(result, source, byId('curves').hidden ? undefined : charts?.loss.canvas, section);
    canvas.toBlob((blob) => blob && download('ic-networks-race.png', blob, 'image/png'));
  });
  const kept = setUpKept((id, data) => {
    writeSettings(form, { data });
    begin(() => call('continueTraining', id), true);
  });

  listen('phase', ({ phase: entered, detail }) => enter(entered, detail));
  listen('compiling', ({ compiled, total }) => {
    if (phase !== 'compiling') return;
    say(`Before the first step, your GPU’s driver compiles the kernels: ${waited()}`);
    fill(compiled / total);
  });
  listen('seed', ({ seed: next }) => {
    seed = next;
    charts?.loss.next();
    charts?.accuracy.next();
    recent = emptyRecent();
    showProgress();
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
    showSaving(role);
    showProgress();
  });
  listen('rewound', ({ role, step }) => {
    charts?.loss.cut(role, step);
    charts?.accuracy.cut(role, step);
    recent[role].step = step;
  });
  listen('tested', (test) => {
    tests = [...tests.filter(({ role, seed: own }) => role !== test.role || own !== test.seed), test];
    showResult();
  });
  listen('trouble', showTrouble);
  showSettings();
  showBefore().catch(showError);

  function loadCheckpoints(files: readonly File[]): void {
    begin(() => call('loadCheckpoints', { files, settings: trainingSettings() }));
  }

  function trainingSettings(): Omit<RaceSettings, 'data'> {
    const { data: _, ...settings } = readSettings(form);
    return settings;
  }

  /** Starts a training that `ask` asks the worker for; one that was kept has its data with it. */
  async function begin(ask: () => Promise<TrainingOverview>, hasData = false): Promise<void> {
    hideTrouble();
    kept.hide();
    overview = undefined;
    tests = [];
    waitingSince = performance.now();
    enter('compiling');
    say('Loading the core and the pictures');
    loading = new AbortController();
    const { signal } = loading;
    signal.addEventListener('abort', () => enter('idle'));
    try {
      await prepareCharts();
      recent = emptyRecent();
      seed = 1;
      pace.clear();
      clearCharts(readSettings(form).steps);
      if (!hasData) await dataFields.ready();
      signal.throwIfAborted();
      loading = undefined;
      overview = await ask();
      ({ seed, tests } = overview);
      writeSettings(form, overview.settings);
      if (hasData) dataFields.describe(overview.data);
      showSettings();
      clearCharts(overview.settings.steps);
      for (const { role, step } of overview.networks) recent[role].step = step;
      showResult();
    } catch (error) {
      if (signal.aborted) return;
      enter('idle');
      showError(error);
    }
  }

  async function prepareCharts(): Promise<void> {
    if (charts) return;
    const { createChart } = await import('./charts.js');
    charts ??= {
      loss: createChart(byId('chart-loss'), 'loss'),
      accuracy: createChart(byId('chart-accuracy'), 'accuracy'),
    };
  }

  function clearCharts(steps: number): void {
    byId('curves').hidden = false;
    charts!.loss.clear(steps);
    charts!.accuracy.clear(steps);
    byId('curves-note').textContent = readSettings(form).seeds > 1 ? 'Thin: the mean of the races before.' : '';
  }

  /** What the page shows while nothing trains: what an address brought, or the recorded race. */
  async function showBefore(): Promise<void> {
    showResult();
    await prepareCharts();
    if (phase !== 'idle') return;
    // A link holds no curves.
    byId('curves').hidden = isShared;
    if (isShared) return;
    const { settings, losses, accuracies } = recordedRace;
    charts!.loss.showRecorded(losses, settings.steps);
    charts!.accuracy.showRecorded(accuracies, settings.steps);
    byId('curves-note').textContent = `Recorded: the mean of ${settings.seeds} races.`;
  }

  /** The result that there is: of this training, of the address, or the recorded one. */
  function shown(): Shown {
    if (phase !== 'idle' && overview) {
      const { networks, settings, data } = overview;
      const races = settings.seeds === 1 ? '1 race' : `${settings.seeds} races`;
      return {
        result: { networks, tests },
        source: `Yours: ${data.name}, ${races} of ${grouped(settings.steps)} steps`,
      };
    }
    if (phase !== 'idle')
      return { result: { networks: namedNetworks(readSettings(form)), tests: [] }, source: 'Yours' };
    if (shared && isShared) {
      const networks = namedNetworks(readSettings(form));
      return {
        result: { networks, tests: shared.tests },
        source: 'From the link that you opened; start to race them here',
      };
    }
    const { data, settings, adapter, date } = recordedRace;
    const day = new Date(date).toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric' });
    const source = `Recorded: ${data}, ${settings.seeds} races of ${settings.steps} steps, ${adapter}, ${day}`;
    return { result: recordedRace, source };
  }

  function showResult(): void {
    const { result, source } = shown();
    showVerdict(byId('verdict'), result, source);
    for (const role of roles) {
      showNumbers(role);
      const network = result.networks.find((one) => one.role === role);
      if (network) byId(`name-${role}`).textContent = displayName(network.name);
      byId(`cost-${role}`).textContent = network?.multiplyAdds
        ? `${scaled(network.multiplyAdds)} multiply-adds a picture`
        : '';
    }
    byId('score-deep').hidden = !result.networks.some(({ role }) => role === 'deep');
  }

  /** What follows from the form: its preset, the networks' names, the places for data. */
  function showSettings(): void {
    const settings = readSettings(form);
    const preset = presetOf(settings);
    for (const radio of form.querySelectorAll<HTMLInputElement>('[name=preset]'))
      radio.checked = radio.value === preset;
    const { depth, width, steps, seeds } = settings;
    const races = seeds === 1 ? '1 race' : `${seeds} races`;
    byId('settings-summary').textContent =
      `${preset ? '' : 'changed: '}ResNet-${depth} of width ${width}, ${races} of ${grouped(steps)} steps`;
    dataFields.show();
    if (phase === 'idle') showResult();
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
    start.textContent = phase === 'done' || phase === 'failed' ? 'Race again' : 'Start the race';
    pause.hidden = !running && phase !== 'paused';
    pause.textContent = phase === 'paused' ? 'Go on' : 'Pause';
    pause.className = phase === 'paused' ? 'primary' : '';
    reset.disabled = phase === 'idle';
    // Who pressed a button that is gone now is at the one in its place.
    if (pressed?.hidden || pressed?.disabled) (start.hidden ? pause : start).focus();
    for (const field of form.elements) (field as HTMLInputElement).disabled = busy || phase === 'paused';
    for (const role of roles) showSaving(role);
    if (phase !== 'training') pace.clear();
    if (phase === 'idle') forget();
    showProgress(detail);
  }

  function forget(): void {
    overview = undefined;
    tests = [];
    recent = emptyRecent();
    showBefore().catch(showError);
  }

  function say(text: string): void {
    status.textContent = text;
  }

  function fill(share: number): void {
    progress.style.setProperty('--done', `${share}`);
    progress.setAttribute('aria-valuenow', `${Math.round(share * 100)}`);
  }

  function waited(): string {
    return duration((performance.now() - waitingSince) / 1000);
  }

  /** A network can be saved once it has trained. */
  function showSaving(role: Role): void {
    const trains = phase === 'training' || phase === 'paused' || phase === 'testing' || phase === 'done';
    byId<HTMLButtonElement>(`save-${role}`).disabled = !trains || recent[role].step === 0;
  }

  /** How it does in training; where it does not train, how it did in the tests. */
  function showNumbers(role: Role): void {
    const { losses, accuracies } = recent[role];
    const own = shown().result.tests.filter((test) => test.role === role);
    const error = percent(mean(own.map((test) => test.error)), 2);
    const of = `of ${grouped(own[0]?.images ?? 0)} test pictures wrong${own.length > 1 ? `, mean of ${own.length}` : ''}`;
    const live = losses.length > 0;
    const tested = own.length > 0;
    byId(`live-${role}`).hidden = !live;
    byId(`loss-${role}`).textContent = live ? mean(losses)!.toFixed(3) : '–';
    byId(`big-${role}`).textContent = live ? percent(mean(accuracies)) : tested ? error : '–';
    byId(`unit-${role}`).textContent = live || !tested ? 'of the batch right' : of;
    byId(`test-${role}`).textContent = live && tested ? ` · ${error} ${of}` : '';
  }

  function showProgress(detail?: string): void {
    if (phase === 'idle') {
      fill(0);
      say('Nothing is loaded before you start.');
      return;
    }
    if (!overview || phase === 'compiling') return;
    const { settings, networks, firstSeed } = overview;
    const { steps, batch, distillation, seeds } = settings;
    const race = seed - firstSeed;
    const done = race * networks.length * steps + networks.reduce((sum, { role }) => sum + recent[role].step, 0);
    const all = seeds * networks.length * steps;
    const teaching = distillation && recent.plain.step < steps;
    const step = teaching ? recent.plain.step : Math.min(...networks.map(({ role }) => recent[role].step));
    const ofRaces = seeds > 1 ? `Race ${race + 1} of ${seeds}. ` : '';
    const joined = networks.filter(({ role }) => recent[role].step > 0);
    const early = race === 0 && !distillation && joined.length > 0 && joined.length < networks.length;
    const at = early
      ? `${displayName(joined[0]!.name)} at step ${grouped(recent[joined[0]!.role].step)}, the others catch up once they are compiled`
      : `${ofRaces}${teaching ? 'The plain network first. ' : ''}Step ${grouped(step)} of ${grouped(steps)}`;
    fill(done / all);
    const perSecond = pace.perSecond();
    const speed = perSecond
      ? ` · ${figures(perSecond)} steps/s · ${grouped(Math.round(perSecond * batch))} pictures/s · ${duration((all - done) / perSecond)} left`
      : '';
    const texts: Record<TrainingPhase, string> = {
      idle: '',
      compiling: '',
      training: at + speed,
      paused: `Paused. ${at}`,
      recovering: `The GPU was lost. Going on from the last checkpoint, in memory. ${at}`,
      testing: `${ofRaces}Testing on pictures that none has seen`,
      done: `Done, ${seeds > 1 ? `${seeds} races of ` : ''}${grouped(steps)} steps of ${batch} pictures`,
      failed: 'Stopped',
    };
    say(detail ?? texts[phase]);
  }

  addEventListener('filesdropped', (event) => {
    const { files } = (event as CustomEvent<{ files: readonly { path: string; file: File }[] }>).detail;
    if (section.hidden) return;
    const checkpoints = files.filter(({ path }) => path.endsWith('.safetensors'));
    if (checkpoints.length > 0) loadCheckpoints(checkpoints.map(({ file }) => file));
    else {
      dataFields.takeFiles(files);
      showSettings();
    }
  });
  return {
    show() {
      if (phase === 'idle') kept.offer().catch(showError);
    },
  };
}

function emptyRecent(): Record<Role, Recent> {
  const empty = (): Recent => ({ step: 0, losses: [], accuracies: [] });
  return { ic: empty(), plain: empty(), deep: empty() };
}

function mean(values: readonly number[]): number | undefined {
  return values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : undefined;
}

/** What the networks of settings are called, before anything of them is made. */
function namedNetworks({ depth, deeper }: RaceSettings): RaceResult['networks'] {
  return [
    { role: 'ic', name: `ic-resnet${depth}` },
    { role: 'plain', name: `resnet${depth}` },
    ...(deeper ? [{ role: 'deep' as const, name: `resnet${depth + 6}` }] : []),
  ];
}
