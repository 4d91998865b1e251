import { forgetRace, holdRace, keepStanding, keepStart, type RaceStart, type Standing } from '../keptRaces.js';

/** Keeps a training in the browser while it goes on. */
export interface Keeper {
  keep(standing: Standing): Promise<void>;
  /** It is over: nothing of it stays. */
  forget(): Promise<void>;
  /** Leaves what is kept to other tabs. */
  release(): void;
}

/** What a training may take: its checkpoints, and the files of its data set. */
const mostBytes = 32 * 2 ** 20;
const mostFileBytes = 128 * 2 ** 20;

/**
 * A keeper of a new training, or of one that was kept before. Where the browser keeps nothing, or it is too large, the training
 * goes on without.
 *
 * @throws Error where another tab trains it
 */
export async function createKeeper(start: RaceStart, id: string = crypto.randomUUID()): Promise<Keeper> {
  const release = await holdRace(id);
  if (!release) throw new Error('This training goes on in another tab.');
  let keeps = fileBytes(start) <= mostFileBytes;
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch {
      keeps = false;
    }
  };
  if (keeps) await attempt(() => keepStart(id, start));
  return {
    release,
    async keep(standing) {
      const bytes = [...standing.checkpoints.values()].reduce((sum, { length }) => sum + length, 0);
      if (keeps && bytes <= mostBytes) await attempt(() => keepStanding(id, standing));
    },
    async forget() {
      await attempt(() => forgetRace(id));
      release();
    },
  };
}

function fileBytes({ source }: RaceStart): number {
  return source.kind === 'files' ? source.files.reduce((sum, { file }) => sum + file.size, 0) : 0;
}
