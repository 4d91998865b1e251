import { Presets, SingleBar } from 'cli-progress';
import type { Output } from './output.js';
import { terminalText } from './terminal.js';

/** A bar on stderr, drawn only where a person watches. */
export interface Progress {
  update(done: number, words?: string): void;
  stop(): void;
}

/** A bar of `total` units; `title` stands ahead of it, the words of the last update behind it. */
export function progressBar(title: string, total: number, output: Output): Progress {
  if (output.json || !process.stderr.isTTY) return quietProgress(title, total, output);
  const bar = new SingleBar(
    {
      format: `${title} {bar} {value}/{total} {words} {eta_formatted} left`,
      stream: process.stderr,
      hideCursor: true,
      barsize: 24,
      etaBuffer: 30,
      stopOnComplete: false,
      formatTime: readableTime,
    },
    Presets.shades_classic,
  );
  bar.start(total, 0, { words: '' });
  return {
    update(done, words = '') {
      bar.update(done, { words: terminalText(words) });
    },
    stop() {
      bar.stop();
    },
  };
}

function readableTime(seconds: number): string {
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

/** Without a terminal: a line every tenth of the way. */
function quietProgress(title: string, total: number, output: Output): Progress {
  const step = Math.max(total, 1) / 10;
  let nextLine = step;
  return {
    update(done, words = '') {
      if (done < nextLine) return;
      while (nextLine <= done) nextLine += step;
      output.say(`${title} ${done}/${total} ${words}`.trimEnd());
    },
    stop() {},
  };
}
