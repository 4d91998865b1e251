import type { CallArgument, CallMessage, CallName, CallReply } from '../protocol.js';
import { classify } from './classify.js';
import { gpuDevice } from './gpu.js';
import { listModels, openModel } from './models.js';
import { post, troubleOf } from './post.js';

/* The worker: everything that needs the core of the package or takes time. What the page does not open with is loaded when asked for. */

type Handlers = { [Name in CallName]: (argument: CallArgument<Name>) => Promise<CallReply<Name>> | CallReply<Name> };

const race = () => import('./race.js');
const lessons = () => import('./lesson.js');
const bench = () => import('./bench/bench.js');

const handlers: Handlers = {
  useData: async (source) => (await race()).useData(source),
  startTraining: async (settings) => (await race()).startTraining(settings),
  pauseTraining: async () => (await race()).pauseTraining(),
  resumeTraining: async () => (await race()).resumeTraining(),
  resetTraining: async () => (await race()).resetTraining(),
  saveCheckpoint: async (role) => (await race()).saveCheckpoint(role),
  loadCheckpoints: async (request) => (await race()).loadCheckpoints(request),
  continueTraining: async (id) => (await race()).continueTraining(id),
  listModels,
  openModel,
  classify,
  lookAtUnit: async (question) => (await import('./unit.js')).lookAtUnit(question),
  lookInside: async (question) => (await import('./look.js')).lookInside(question),
  drawDiagram: async (model) => (await import('./diagram.js')).drawDiagram(model),
  teach: async (lesson) => (await lessons()).teach(lesson),
  stopLesson: async () => (await lessons()).stopLesson(),
  recognise: async (pixels) => (await lessons()).recognise(pixels),
  exportLesson: async (kind) => (await lessons()).exportLesson(kind),
  runBench: async (options) => (await bench()).runBench(options),
  stopBench: async () => (await bench()).stopBench(),
  async destroyDevice() {
    (await gpuDevice()).destroy();
  },
};

addEventListener('message', ({ data: { call, id, argument } }: MessageEvent<CallMessage>) => {
  const handler = handlers[call] as (argument: unknown) => unknown;
  Promise.resolve()
    .then(() => handler(argument))
    .then(
      (reply) => post({ id, reply }),
      (error: unknown) => post({ id, trouble: troubleOf(error) }),
    );
});
