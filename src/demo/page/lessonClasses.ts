import { create } from './dom.js';

export const fewestClasses = 2;
export const fewestPictures = 3;
const mostClasses = 6;
/** Of a class: enough to learn from, and few enough to look at. */
const mostPictures = 200;

/** A picture as the network is given it, and as the visitor sees it. */
export interface ShownPicture {
  readonly pixels: Uint8Array;
  readonly thumbnail: HTMLCanvasElement;
}

/** What the visitor does with a class. */
export interface ClassHooks {
  changed(): void;
  /** The button for pictures is pressed, and let go. */
  take(index: number): void;
  release(): void;
  /** Asks for files. */
  choose(index: number): void;
}

/** The classes of a lesson, as cards. */
export interface ClassList {
  addClass(name?: string): void;
  add(index: number, picture: ShownPicture): void;
  names(): string[];
  pictures(): { readonly label: number; readonly picture: ShownPicture }[];
  /** Whether there is enough to learn from. */
  ready(): boolean;
  /** The class that was last touched. */
  current(): number;
  /** The class of a name, a new one where there is room; else the one last touched. */
  named(name: string): number;
  setVerb(text: string): void;
  disable(now: boolean): void;
}

interface Card {
  readonly element: HTMLElement;
  readonly name: HTMLInputElement;
  readonly take: HTMLButtonElement;
  readonly count: HTMLElement;
  readonly thumbs: HTMLElement;
  readonly pictures: ShownPicture[];
}

export function createClassList(place: HTMLElement, hooks: ClassHooks): ClassList {
  const cards: Card[] = [];
  let verb = '';
  let touched = 0;

  function addClass(name = `Class ${cards.length + 1}`): void {
    if (cards.length >= mostClasses) return;
    makeCard(name);
    hooks.changed();
  }

  function makeCard(name: string): void {
    const card: Card = {
      element: create('div', { className: 'class-card' }),
      name: create('input', { value: name, maxLength: 40, ariaLabel: `Name of class ${cards.length + 1}` }),
      take: create('button', { type: 'button', textContent: verb }),
      count: create('span', { className: 'small' }),
      thumbs: create('div', { className: 'thumbs' }),
      pictures: [],
    };
    const index = (): number => cards.indexOf(card);
    const files = create('button', { type: 'button', textContent: 'Pictures' });
    const remove = create('button', { type: 'button', className: 'quiet', textContent: 'Remove' });
    card.element.append(
      create('div', { className: 'row' }, card.name, card.take, files, remove, card.count),
      card.thumbs,
    );
    card.element.addEventListener('pointerdown', () => {
      touched = index();
    });
    card.take.addEventListener('pointerdown', (event) => {
      card.take.setPointerCapture(event.pointerId);
      hooks.take(index());
    });
    for (const end of ['pointerup', 'pointercancel', 'blur'] as const) card.take.addEventListener(end, hooks.release);
    card.take.addEventListener('keydown', ({ key, repeat }) => {
      if ((key === ' ' || key === 'Enter') && !repeat) hooks.take(index());
    });
    card.take.addEventListener('keyup', hooks.release);
    files.addEventListener('click', () => hooks.choose(index()));
    remove.addEventListener('click', () => {
      cards.splice(index(), 1);
      card.element.remove();
      hooks.changed();
    });
    card.name.addEventListener('input', hooks.changed);
    cards.push(card);
    place.append(card.element);
    showCount(card);
  }

  function showCount({ count, pictures }: Card): void {
    count.textContent = pictures.length === 1 ? '1 picture' : `${pictures.length} pictures`;
  }

  const list: ClassList = {
    addClass,
    add(index, picture) {
      const card = cards[index];
      if (!card || card.pictures.length >= mostPictures) return;
      card.pictures.push(picture);
      const button = create('button', { type: 'button', ariaLabel: 'Take this picture out' }, picture.thumbnail);
      button.addEventListener('click', () => {
        card.pictures.splice(card.pictures.indexOf(picture), 1);
        button.remove();
        showCount(card);
        hooks.changed();
      });
      card.thumbs.append(button);
      card.thumbs.scrollLeft = card.thumbs.scrollWidth;
      showCount(card);
      hooks.changed();
    },
    names: () => cards.map(({ name }, index) => name.value.trim() || `Class ${index + 1}`),
    pictures: () => cards.flatMap(({ pictures }, label) => pictures.map((picture) => ({ label, picture }))),
    ready: () => cards.length >= fewestClasses && cards.every(({ pictures }) => pictures.length >= fewestPictures),
    current: () => Math.max(0, Math.min(touched, cards.length - 1)),
    named(name) {
      const known = list.names().indexOf(name);
      if (known >= 0) return known;
      // The cards that the page begins with take the names of the first folders.
      const unused = cards.findIndex(
        ({ name: own, pictures }) => pictures.length === 0 && own.value.startsWith('Class '),
      );
      if (unused >= 0) {
        cards[unused]!.name.value = name;
        return unused;
      }
      if (cards.length >= mostClasses) return list.current();
      addClass(name);
      return cards.length - 1;
    },
    setVerb(text) {
      verb = text;
      for (const { take } of cards) take.textContent = text;
    },
    disable(now) {
      for (const { element } of cards) {
        for (const field of element.querySelectorAll<HTMLButtonElement | HTMLInputElement>('button, input'))
          field.disabled = now;
      }
    },
  };
  for (let index = 0; index < fewestClasses; index++) makeCard(`Class ${index + 1}`);
  return list;
}
