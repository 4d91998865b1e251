/** What the page asks of the worker, and what the worker tells it. Types alone: both sides stay apart. */

/** The networks that race: an IC network, the plain one of its size, and a deeper plain one. */
export type Role = 'ic' | 'plain' | 'deep';

export const roles: readonly Role[] = ['ic', 'plain', 'deep'];

export interface TrainingSettings {
  readonly depth: number;
  readonly width: number;
  readonly stemStride: number;
  readonly adjust: 'output' | 'input';
  /** Whether the IC units have an offset. */
  readonly offset: boolean;
  readonly batch: number;
  readonly steps: number;
  readonly optimiser: 'adamW' | 'sgd';
  readonly learningRate: number;
  /** Races one after another, each from another start and in another order of the pictures. */
  readonly seeds: number;
  /** A deeper plain network races, too. */
  readonly deeper: boolean;
  /** The plain network trains first and then teaches the IC network (weak logit distillation). */
  readonly distillation: boolean;
  /** Activations and gradients in float16. */
  readonly half: boolean;
}

/** A file with its path in the folder it was dropped with. */
export interface PlacedFile {
  readonly path: string;
  readonly file: File;
}

export type DataSource =
  /** Handwriting made up in the page, clear or in changing light. */
  | { readonly kind: 'drawn' | 'lit' }
  /** The folder's address, ending in a slash. */
  | { readonly kind: 'mnist'; readonly address: string }
  | { readonly kind: 'files'; readonly files: readonly PlacedFile[] };

export interface DataDescription {
  readonly name: string;
  readonly trainImages: number;
  readonly testImages: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly classes: readonly string[];
  /** What was made of a data set that is not whole, in sentences. */
  readonly notes: readonly string[];
}

export interface NetworkDescription {
  readonly role: Role;
  readonly name: string;
  readonly parameters: number;
  readonly multiplyAdds: number;
  /** The step that it goes on from. */
  readonly step: number;
}

/** How a network did on the test pictures behind its last step. */
export interface TestResult {
  readonly role: Role;
  readonly seed: number;
  /** Share of wrong answers. */
  readonly error: number;
  readonly images: number;
}

export interface TrainingOverview {
  readonly data: DataDescription;
  readonly networks: readonly NetworkDescription[];
  readonly settings: TrainingSettings;
  /** Of the first race; the others count up from it. */
  readonly firstSeed: number;
  /** Of the race that it starts with. */
  readonly seed: number;
  /** Of races before. */
  readonly tests: readonly TestResult[];
}

export type TrainingPhase = 'idle' | 'compiling' | 'training' | 'paused' | 'recovering' | 'testing' | 'done' | 'failed';

/** An error as it crosses from the worker to the page. */
export interface Trouble {
  /** The error's class: `LimitError`, `DeviceLostError`, ... */
  readonly name: string;
  readonly message: string;
  readonly operation?: string;
  readonly parameter?: string;
}

/** The network that ships with the page, those in training, and one from a file. */
export type ModelName = 'shipped' | Role | 'file';

export interface ModelDescription {
  readonly name: ModelName;
  /** The network's own name. */
  readonly network: string;
  readonly parameters: number;
  readonly multiplyAdds: number;
  /** Of the pictures that it takes: 1 for ink, 3 for colour. */
  readonly channels: number;
  /** What its classes are called, where that is known. */
  readonly classes?: readonly string[];
}

/** A picture to classify. */
export interface Question {
  readonly model: ModelName;
  /** Closed by the worker. */
  readonly bitmap: ImageBitmap;
  /** White ink on black; otherwise a photograph. */
  readonly drawn: boolean;
  /** The network's activations and filters in float16; not where left out. */
  readonly half?: boolean;
}

/** RGBA pixels. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8ClampedArray<ArrayBuffer>;
}

export interface Answer {
  readonly probabilities: Float32Array;
  /** What the network was given. */
  readonly seen: Pixels;
  /** From handing the picture to the GPU until its answer was back. */
  readonly milliseconds: number;
}

/** Layers that run as one. */
export interface Box {
  /** Of its first layer. */
  readonly name: string;
  readonly kind: string;
  /** Of its output: height, width, channels. */
  readonly shape: readonly number[];
  readonly parameters: number;
  readonly multiplyAdds: number;
  /** The box that it reads, `input` for the picture. */
  readonly input: string;
  /** The box that it adds. */
  readonly residual?: string;
  readonly dispatches: readonly { readonly kernel: string; readonly milliseconds: number }[];
}

export interface Diagram {
  readonly network: string;
  readonly input: readonly number[];
  readonly boxes: readonly Box[];
  /** How dispatches were timed. */
  readonly by: 'timestamps' | 'clock';
}

/** Where the second term of an IC convolution fires. */
export interface LayerMap {
  readonly layer: string;
  readonly height: number;
  readonly width: number;
  readonly filters: number;
  /** Share of all pixels and filters. */
  readonly share: number;
  /** Share of the filters, pixel by pixel. */
  readonly map: Float32Array;
}

/** How the recalibration weights of an IC convolution are spread. */
export interface AdjustSpread {
  readonly layer: string;
  readonly weights: number;
  /** A weight of one over this compares z with the mean under the window. */
  readonly filterElements: number;
  readonly least: number;
  readonly median: number;
  readonly most: number;
  readonly mean: number;
  readonly counts: readonly number[];
}

export interface InsideView {
  readonly seen: Pixels;
  readonly layers: readonly LayerMap[];
  readonly spreads: readonly AdjustSpread[];
}

/** A picture to look at through one IC unit: the one named, or the network's first. */
export interface UnitQuestion extends Question {
  readonly layer?: string;
}

/** What an IC unit makes of a picture. */
export interface UnitView {
  readonly seen: Pixels;
  /** Of its output. */
  readonly height: number;
  readonly width: number;
  /** That a filter reads. */
  readonly channels: number;
  readonly groups: number;
  /** Height and width of the window. */
  readonly kernel: number;
  readonly filters: number;
  /** [filters, channels, kernel, kernel] */
  readonly weights: Float32Array;
  /** a, [filters] */
  readonly adjust: Float32Array;
  /** o, [filters]: z + relu(z - a S + o); zeros where the unit has none. */
  readonly offset: Float32Array;
  /** What the filters answer, [height, width, filters]. */
  readonly z: Float32Array;
  /** S, the sum of what lies under the window, [height, width, groups]; with a by input each counts by its own, and a above is 1. */
  readonly sums: Float32Array;
  /** What the unit leaves with its own a, [height, width, filters]. */
  readonly y: Float32Array;
}

export interface BenchOptions {
  /** Measure first which kernels are fastest. */
  readonly tune: boolean;
  /** A whole network, in its IC form and plain. */
  readonly networks: boolean;
  readonly network: 'resnet20' | 'resnet18' | 'resnet50';
  readonly tensorflow: boolean;
  readonly onnxRuntime: boolean;
}

/** An IC convolution beside the plain one. */
export interface BenchRow {
  readonly name: string;
  readonly icMilliseconds: number;
  readonly plainMilliseconds: number;
  /** Of the IC convolution, by the direct algorithm's count of the plain one. */
  readonly gflops: number;
  /** Of what the measured peaks allow. */
  readonly share?: number;
  /** The kernel that was chosen, and what the cost model alone would have chosen. */
  readonly form?: string;
  readonly heuristic?: string;
}

/** Milliseconds a picture of other libraries, where they were switched on. */
export interface PeerTimes {
  readonly tensorflow?: number;
  readonly onnxRuntime?: number;
}

export interface NetworkRow {
  readonly name: string;
  /** A picture. */
  readonly milliseconds: number;
  readonly peers: PeerTimes;
}

/** What a bench found, as it is copied and opened again. */
export interface BenchReport {
  readonly format: 'ic-networks demo bench';
  readonly version: string;
  readonly date: string;
  readonly adapter: string;
  readonly tuned: boolean;
  readonly peaks?: { readonly fmaGflops: number; readonly copyGigabytesPerSecond: number };
  readonly convolutions: readonly BenchRow[];
  readonly networks: readonly NetworkRow[];
}

/** A named file in memory. */
export interface NamedFile {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Pictures with their classes, square and in colour, to learn from. */
export interface Lesson {
  /** Height and width of a picture. */
  readonly side: number;
  /** Of the classes. */
  readonly names: readonly string[];
  /** Pixel values 0 to 255, [side, side, 3]. */
  readonly pictures: readonly { readonly label: number; readonly pixels: Uint8Array }[];
}

export interface LessonResult {
  /** To the pictures that were held out, by their place in the lesson. */
  readonly answers: readonly { readonly index: number; readonly label: number; readonly answer: number }[];
  /** How many it was trained on. */
  readonly trained: number;
}

/** What becomes a file: weights, or a program with the weights in it. */
export type LessonExport = 'safetensors' | 'onnx' | 'page' | 'script';

/** Calls of the page, answered once each. */
export interface Calls {
  useData(source: DataSource): DataDescription;
  startTraining(settings: TrainingSettings): TrainingOverview;
  pauseTraining(): void;
  resumeTraining(): void;
  resetTraining(): void;
  saveCheckpoint(role: Role): NamedFile;
  /** Goes on from checkpoints of one network or both; what of the settings they hold wins. */
  loadCheckpoints(request: { readonly files: readonly File[]; readonly settings: TrainingSettings }): TrainingOverview;
  /** Goes on with a training that was kept, by its id. */
  continueTraining(id: string): TrainingOverview;
  listModels(): ModelDescription[];
  openModel(file: File): ModelDescription;
  classify(question: Question): Answer;
  lookAtUnit(question: UnitQuestion): UnitView;
  lookInside(question: Question): InsideView;
  drawDiagram(model: ModelName): Diagram;
  teach(lesson: Lesson): LessonResult;
  stopLesson(): void;
  /** Of a picture as those of the lesson: a probability a class. */
  recognise(pixels: Uint8Array): Float32Array;
  exportLesson(kind: LessonExport): NamedFile;
  runBench(options: BenchOptions): BenchReport;
  stopBench(): void;
  /** Destroys the device, for tests. */
  destroyDevice(): void;
}

export type CallName = keyof Calls;
export type CallArgument<Name extends CallName> = Parameters<Calls[Name]>[0];
export type CallReply<Name extends CallName> = ReturnType<Calls[Name]>;

/** What the worker tells unasked. */
export interface Notices {
  phase: { readonly phase: TrainingPhase; readonly detail?: string };
  /** Kernels of a network. */
  compiling: { readonly role: Role; readonly compiled: number; readonly total: number };
  /** The next race has begun. */
  seed: { readonly seed: number };
  /** Losses and shares of right answers of consecutive steps. */
  steps: {
    readonly role: Role;
    readonly first: number;
    readonly losses: Float32Array;
    readonly accuracies: Float32Array;
  };
  /** Training goes on from this step: what came behind it is gone. */
  rewound: { readonly role: Role; readonly step: number };
  tested: TestResult;
  /** A step of a lesson. */
  learning: { readonly step: number; readonly steps: number; readonly loss: number; readonly accuracy: number };
  /** Dispatches timed. */
  measuring: { readonly done: number; readonly total: number };
  /** What is measured now. */
  benching: { readonly row: string };
  /** Bytes read of a network's file. */
  reading: { readonly bytes: number; readonly total: number };
  trouble: Trouble;
}

export type NoticeName = keyof Notices;

export interface CallMessage {
  readonly call: CallName;
  readonly id: number;
  readonly argument: unknown;
}

export type WorkerMessage =
  | { readonly id: number; readonly reply: unknown }
  | { readonly id: number; readonly trouble: Trouble }
  | { readonly notice: NoticeName; readonly content: unknown };
