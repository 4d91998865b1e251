import { abandonedRaces, forgetRace, keptRace } from '../keptRaces.js';
import type { DataSource } from '../protocol.js';
import { byId } from './dom.js';
import { duration, grouped } from './numbers.js';
import { showError } from './trouble.js';

/** The offer to go on with a training that a reload, a crash or a closed tab has ended. */
export interface KeptOffer {
  /** Looks for one, and shows it where there is one. */
  offer(): Promise<void>;
  hide(): void;
}

/** A browser takes a moment to let go of what a page held that went away. */
const secondLook = 1500;

/** @param onContinue - is given the training to go on with, and the kind of its data */
export function setUpKept(onContinue: (id: string, data: DataSource['kind']) => void): KeptOffer {
  const place = byId('kept');
  let id = '';
  let data: DataSource['kind'] = 'lit';
  let asked = 0;

  byId('kept-continue').addEventListener('click', () => onContinue(id, data));
  byId('kept-forget').addEventListener('click', async () => {
    try {
      await forgetRace(id);
      hide();
      await offer();
    } catch (error) {
      showError(error);
    }
  });

  function hide(): void {
    asked++;
    place.hidden = true;
  }

  async function offer(): Promise<void> {
    const asking = ++asked;
    for (const wait of [0, secondLook]) {
      await new Promise((done) => setTimeout(done, wait));
      // Where the browser keeps nothing there is nothing to offer.
      const [latest] = await abandonedRaces().catch(() => []);
      const race = latest && (await keptRace(latest.id));
      if (asking !== asked) return;
      if (!race) continue;
      ({ id } = race);
      data = race.source.kind;
      const { standing, settings, seed, at } = race;
      const ofRaces = settings.seeds > 1 ? `in race ${standing.seed - seed + 1} of ${settings.seeds} ` : '';
      byId('kept-text').textContent =
        `A training stopped ${duration((Date.now() - at) / 1000)} ago, ${ofRaces}of ${grouped(settings.steps)} steps each. It is kept in this browser.`;
      place.hidden = false;
      return;
    }
  }

  return { offer, hide };
}
