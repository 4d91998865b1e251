/** The size of a study's trainings. */
export interface StudySettings {
  /** Of the plain network and its IC forms. */
  readonly depth: number;
  /** Of the plain network with about twice the multiply-adds. */
  readonly deeperDepth: number;
  /** Channels of the first stage. */
  readonly width: number;
  readonly stemStride: number;
  /** Images to train on, from the front of the training set. */
  readonly images: number;
  /** Test images looked at during training, from the front of the test set. */
  readonly watched: number;
  /** Test images looked at in the end. */
  readonly tested: number;
  readonly steps: number;
  readonly batch: number;
  /** Looks at the watched images, evenly over the training. */
  readonly looks: number;
  readonly learningRate: number;
  readonly weightDecay: number;
}

/** `quick` shows that everything works; `full` is what the documentation quotes. */
export const presets: Readonly<Record<'quick' | 'full', StudySettings>> = {
  quick: {
    depth: 8,
    deeperDepth: 14,
    width: 8,
    stemStride: 2,
    images: 2000,
    watched: 500,
    tested: 2000,
    steps: 120,
    batch: 32,
    looks: 8,
    learningRate: 0.1,
    weightDecay: 5e-4,
  },
  full: {
    depth: 8,
    deeperDepth: 14,
    width: 8,
    stemStride: 2,
    images: 15_000,
    watched: 1000,
    tested: 10_000,
    steps: 900,
    batch: 32,
    looks: 15,
    learningRate: 0.1,
    weightDecay: 5e-4,
  },
};
