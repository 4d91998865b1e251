// What a Web Worker and a SharedWorker compute, the latter for two that ask it.
import { show } from './show.js';

const answer = (port) =>
  new Promise((done) => {
    port.onmessage = ({ data }) => done(data);
  });

await show(async () => ({
  own: await answer(new Worker('worker.js', { type: 'module' })),
  shared: await Promise.all([0, 1].map(() => answer(new SharedWorker('worker.js', { type: 'module' }).port))),
}));
