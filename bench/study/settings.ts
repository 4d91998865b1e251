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
  /** Training images behind these that take the place of all test images where something is chosen by them; 0 for none. */
  readonly validation: number;
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
  /** Pixels of the border out of which training images are cropped at random. */
  readonly crop: number;
  /** Whether every other image or so is mirrored, 1 for yes; digits never are, which then are others. */
  readonly flip: number;
  /** Where `adjust` starts, times 1 / (filter elements). */
  readonly adjustStart: number;
  /** Its factor of the learning rate. */
  readonly adjustRate: number;
  /** What the teacher's logits weigh at first. */
  readonly teacherWeight: number;
  readonly teacherTemperature: number;
  /** Share of the steps with the teacher. */
  readonly teacherEnd: number;
}

const common = {
  depth: 8,
  deeperDepth: 14,
  width: 8,
  stemStride: 2,
  validation: 0,
  learningRate: 0.1,
  weightDecay: 5e-4,
  adjustStart: 1,
  adjustRate: 0.01,
  teacherWeight: 1,
  teacherTemperature: 4,
  teacherEnd: 0.5,
};

/** `quick` shows that everything works; `full` is five epochs of 60,000 images. */
export const presets: Readonly<Record<'quick' | 'full', StudySettings>> = {
  quick: {
    ...common,
    ...{ images: 2000, watched: 500, tested: 2000, steps: 120, batch: 32, looks: 8, crop: 0, flip: 0 },
  },
  full: {
    ...common,
    ...{ images: 60_000, watched: 1000, tested: 10_000, steps: 4688, batch: 64, looks: 16, crop: 2, flip: 1 },
  },
};

/** A preset for choosing by images that are neither trained on nor tested with: the last sixth of the training set. */
export function choosingSettings(settings: StudySettings): StudySettings {
  const validation = Math.floor(settings.images / 6);
  return { ...settings, validation, images: settings.images - validation };
}
