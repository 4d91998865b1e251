#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { experimentalFeatures } from '../device/experimental.js';
import { networkNames } from '../models/networkByName.js';
import { reportFailure } from '../terminal/failure.js';
import { endUnread } from '../terminal/interrupt.js';
import { choice, withShortErrors } from '../terminal/options.js';
import { createOutput } from '../terminal/output.js';
import { type ConvertFlags, conversions, convert } from './convert.js';
import { type DistillFlags, distill } from './distill.js';
import { evaluate } from './evaluate.js';
import { info } from './info.js';
import { inspect } from './inspect.js';
import { type PredictFlags, predict } from './predict.js';
import { summary } from './summary.js';
import { train } from './train.js';
import type { TrainFlags } from './trainFlags.js';
import { type TuneFlags, tune } from './tune.js';
import { type UpgradeFlags, upgrade } from './upgrade.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

function numberFrom(minimum: number, whole: boolean): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value) && value >= minimum && (!whole || Number.isSafeInteger(value))) {
      return value;
    }
    throw new InvalidArgumentError(`Expected ${whole ? 'a whole number' : 'a number'} of at least ${minimum}.`);
  };
}

const count = numberFrom(1, true);
const wholeNumber = numberFrom(0, true);
const amount = numberFrom(0, false);

function sizeOf(text: string): { height: number; width: number; channels: number } {
  const sizes = text.split('x').map(Number);
  const [height, width, channels] = sizes;
  if (sizes.length === 3 && sizes.every((size) => Number.isSafeInteger(size) && size > 0)) {
    return { height: height!, width: width!, channels: channels! };
  }
  throw new InvalidArgumentError('Expected HEIGHTxWIDTHxCHANNELS, as in 32x32x3.');
}

function numbersFrom(text: string): number[] {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (numbers.every(Number.isFinite)) return numbers;
  throw new InvalidArgumentError('Expected numbers with commas between them, as in 0.485,0.456,0.406.');
}

const dataSources = 'mnist, or a folder of IDX files, of CIFAR binaries, or of pictures with a folder a class';

function command(name: string, description: string): Command {
  return withShortErrors(new Command(name), `icnet ${name}`)
    .description(description)
    .option('--json', 'one JSON object a line on stdout, everything else on stderr', false);
}

function withAdapter(given: Command): Command {
  return given.option('--adapter <name>', "auto, gpu, software, or a part of an adapter's name", 'auto');
}

function experimentalOption(): Option {
  const description = 'features of drafts that the device shall have';
  return choice('--experimental <feature...>', description, experimentalFeatures).default([]);
}

function withTune(given: Command): Command {
  return given.option('--tune', 'measure first which kernels are fastest, and remember; see icnet tune', false);
}

function precisionOption(): Option {
  const description = 'as what activations and filters lie in memory, in training their gradients, too';
  return choice('--precision <name>', description, ['float32', 'float16']).default('float32');
}

function withPrecision(given: Command): Command {
  return given.addOption(precisionOption());
}

function withShape(given: Command): Command {
  return withUnit(given)
    .option('--width <channels>', 'channels of the first stage of a CIFAR-form network', count, 16)
    .option('--stem-stride <stride>', 'stride of the first convolution of a CIFAR-form network', count, 1);
}

/** What the IC units are made like. */
function withUnit(given: Command): Command {
  return given
    .addOption(
      choice('--adjust <form>', 'what the recalibration weights belong to', ['output', 'input']).default('output'),
    )
    .option('--offset', "add a learned number inside of the units' second term", false);
}

function maxPixelsOption(): Option {
  return new Option('--max-pixels <count>', 'that a picture may have; 100 million by default').argParser(count);
}

/** How much of a file of a data set is read. */
function withLimits(given: Command): Command {
  return given
    .addOption(maxPixelsOption())
    .option('--max-bytes <count>', 'that another file may have, or expand to; 1 GiB by default', count);
}

function inputOption(): Option {
  return new Option('--input <size>', 'HEIGHTxWIDTHxCHANNELS; 32x32x3 or 224x224x3 by default').argParser(sizeOf);
}

function classesOption(): Option {
  return new Option('--classes <count>', '10 or 1000 by default').argParser(count);
}

/** What says which network weights are of, and how pictures become its input. */
function withModel(given: Command): Command {
  return given
    .option('--model <name>', 'the network that plain weights are of, as resnet50, where their names do not tell')
    .option('--crop <pixels>', 'height and width of its input, where they are not the usual ones', count)
    .option('--resize <pixels>', 'of the shorter side of pictures; 256 for inputs of 224', count)
    .addOption(choice('--filter <name>', 'for resizing', ['bilinear', 'bicubic']).default('bilinear'))
    .option('--mean <numbers>', "of the pictures' channels; ImageNet's, or the checkpoint's, by default", numbersFrom)
    .option('--deviation <numbers>', 'likewise', numbersFrom)
    .option('--names <file>', 'names of the classes, one a line or a JSON array');
}

const program = withShortErrors(new Command('icnet'), 'icnet')
  .description('IC networks on WebGPU: train, evaluate, predict, look inside.')
  .version(version);

program.addCommand(
  withAdapter(command('info', 'the adapter, its features and its limits'))
    .addOption(experimentalOption())
    .action((flags) => info(flags, createOutput(flags.json))),
);

program.addCommand(
  withShape(command('summary', "a network's layers, shapes, parameters and multiply-adds, plain and IC side by side"))
    .argument('<network>', 'for example ic-resnet20, vgg16-bn, or a checkpoint file')
    .addOption(inputOption())
    .addOption(classesOption())
    .option('--memory', 'also GPU memory for inference and training', false)
    .option('--batch <images>', 'that memory is counted for', count, 1)
    .addOption(precisionOption())
    .addHelpText('after', `\nNetworks, each also with ic- ahead: ${networkNames.join(', ')}`)
    .action((network, flags) => summary(network, flags, createOutput(flags.json))),
);

/** How a network is trained, whatever it starts from. */
function withTraining(given: Command, defaults: { readonly learningRate: string }): Command {
  return withLimits(given.option('--data <source>', dataSources, 'mnist'))
    .option('--steps <count>', 'training steps', count)
    .addOption(
      new Option('--epochs <count>', 'passes over the training images, in place of --steps')
        .argParser(amount)
        .conflicts('steps'),
    )
    .option('--batch <images>', 'images a step', count, 64)
    .option('--micro-batch <images>', 'images computed at a time, a divisor of the batch, to save memory', count)
    .option('--recompute', 'compute activations again in the backward pass instead of keeping all', false)
    .addOption(precisionOption())
    .addOption(choice('--optimiser <name>', 'what takes the steps', ['sgd', 'adamw']).default('sgd'))
    .option('--learning-rate <rate>', `the peak; ${defaults.learningRate}`, amount)
    .option('--momentum <share>', 'of SGD', amount, 0.9)
    .option('--no-nesterov', 'plain momentum for SGD')
    .option('--weight-decay <rate>', 'not for norms, biases and recalibration weights', amount, 0.0005)
    .option('--adjust-rate <factor>', 'learning-rate factor of the recalibration weights', amount, 0.01)
    .addOption(choice('--schedule <name>', 'of the learning rate', ['cosine', 'step', 'constant']).default('cosine'))
    .option('--warm-up <steps>', 'over which the rate rises; a twentieth of all by default', wholeNumber)
    .option('--clip <norm>', 'keep the global norm of the gradients within this', amount)
    .option('--label-smoothing <share>', 'of the target spread over all classes', amount, 0)
    .option('--crop <pixels>', 'random crops from images padded by this much', wholeNumber, 0)
    .option('--flip', 'mirror every other image at random', false)
    .option('--seed <number>', 'makes a run repeatable', wholeNumber, 1)
    .option('--save-every <steps>', 'save a checkpoint every so many steps', count, 500)
    .addOption(
      new Option(
        '--tune-background',
        'measure beside the training, and go on with the kernels that are faster',
      ).conflicts('tune'),
    );
}

/** How a teacher teaches. */
function withTeaching(given: Command): Command {
  return given
    .addOption(
      choice('--loss <name>', "distance from the teacher's logits: squared, or a divergence", ['mse', 'kl']).default(
        'kl',
      ),
    )
    .option('--temperature <number>', 'of kl', amount, 4)
    .option('--weight <number>', 'of the distance at the first step', amount, 1)
    .addOption(
      choice('--weight-schedule <name>', 'how the weight falls', ['constant', 'linear', 'cosine', 'step']).default(
        'cosine',
      ),
    )
    .option('--until <share>', 'of the steps with the teacher', amount, 0.5)
    .option('--cache', "remember the teacher's logits of every image; without --crop and --flip alone", false);
}

program.addCommand(
  withTraining(withTune(withAdapter(withShape(command('train', 'train a network')))), {
    learningRate: '0.1 for sgd, 0.002 for adamw by default',
  })
    .option(
      '--network <name>',
      'for example ic-resnet8, ic-mobilenet-v2; icnet summary --help lists them',
      'ic-resnet8',
    )
    .addOption(
      new Option(
        '--input <size>',
        'HEIGHTxWIDTHxCHANNELS that pictures become; the usual one of the network',
      ).argParser(sizeOf),
    )
    .option('--weights <file>', 'start from weights in safetensors; a path or an address')
    .option('--replace-head', 'start the head afresh, for other classes than those of the weights', false)
    .option('--fresh-adjust', 'start recalibration weights and offsets afresh, for weights of the plain network', false)
    .option('--output <folder>', 'for checkpoint and curves; runs/NETWORK by default')
    .option('--resume <checkpoint>', 'go on from a checkpoint of the same training')
    .action((flags: TrainFlags) => train(flags, createOutput(flags.json))),
);

program.addCommand(
  withTeaching(
    withTraining(
      withTune(withAdapter(withShape(command('distill', 'train a network with another one as its teacher')))),
      {
        learningRate: '0.1 for sgd, 0.002 for adamw by default',
      },
    ),
  )
    .requiredOption('--teacher <checkpoint>', 'of the same images and classes')
    .option('--student <name>', 'for example ic-resnet8, ic-resnet20', 'ic-resnet8')
    .option('--inherit', "start from the teacher's weights, for the IC form of its network", false)
    .option('--output <folder>', 'for checkpoint and curves; runs/STUDENT by default')
    .option('--resume <checkpoint>', 'go on from a checkpoint of the same training')
    .action((flags: DistillFlags) => distill(flags, createOutput(flags.json))),
);

program.addCommand(
  withTeaching(
    withTraining(
      withTune(
        withAdapter(
          withUnit(command('upgrade', 'make a plain checkpoint an IC checkpoint, the plain network its teacher')),
        ),
      ),
      { learningRate: '0.02 for sgd, 0.0005 for adamw by default' },
    ),
  )
    .argument('<checkpoint>', 'of a plain network')
    .option('--output <folder>', 'for the checkpoint; beside the plain one by default')
    .action((checkpoint: string, flags: UpgradeFlags) => {
      const learningRate = flags.learningRate ?? (flags.optimiser === 'sgd' ? 0.02 : 0.0005);
      return upgrade(checkpoint, { ...flags, learningRate }, createOutput(flags.json));
    }),
);

program.addCommand(
  withLimits(withPrecision(withTune(withAdapter(withModel(command('eval', 'evaluate a checkpoint or weights'))))))
    .argument('<weights>', 'a checkpoint, or weights in safetensors with --model')
    .option('--data <source>', dataSources, 'mnist')
    .option('--batch <images>', 'images a step; 200, or 32 for large inputs, by default', count)
    .action((weights, flags) => evaluate(weights, flags, createOutput(flags.json))),
);

program.addCommand(
  withPrecision(withTune(withAdapter(withModel(command('predict', 'what a network sees in pictures')))))
    .argument('<picture...>', 'JPEG, PNG or WebP files, or folders of them')
    .requiredOption('--weights <file>', 'a checkpoint, or weights in safetensors with --model; a path or an address')
    .option('--top <count>', 'answers for each picture', count, 5)
    .addOption(maxPixelsOption())
    .option('--batch <images>', 'images a step', count, 8)
    .addOption(
      new Option('--output <layer>', 'a layer whose output is wanted, too; may be given several times')
        .argParser((layer: string, before: readonly string[]) => [...before, layer])
        .default([], 'none'),
    )
    .option('--save <file>', 'write the outputs of layers into a safetensors file, [pictures, height, width, channels]')
    .action((pictures, flags: PredictFlags & { readonly json: boolean }) =>
      predict(pictures, flags, createOutput(flags.json)),
    ),
);

program.addCommand(
  command('convert', 'a checkpoint or weights as an ONNX file, or an ONNX file as a checkpoint')
    .argument('<file>', 'safetensors, or ONNX with --to safetensors')
    .addOption(choice('--to <format>', 'what to make of it', Object.keys(conversions)).makeOptionMandatory())
    .option('--output <file>', 'beside the file that is read by default')
    .option('--model <name>', 'the network that plain weights are of, as resnet50, where their names do not tell')
    .option(
      '--size <pixels>',
      'height and width of images, where neither file nor network says it or it is another',
      count,
    )
    .option('--names <file>', 'class names for the ONNX file: a line each, or a JSON array')
    .option('--end <tensor>', 'the tensor of an ONNX file that the network is to end in, an output or any within it')
    .action((file: string, flags: ConvertFlags & { readonly json: boolean }) =>
      convert(file, flags, createOutput(flags.json)),
    ),
);

program.addCommand(
  withLimits(
    withAdapter(command('inspect', 'where the second term of IC convolutions fires, and how their weights are spread')),
  )
    .argument('<checkpoint>', 'of an IC network')
    .argument('[picture]', 'a JPEG, PNG or WebP file; a test image of --data where left out')
    .option('--data <source>', dataSources, 'mnist')
    .option('--index <number>', 'of the test image', wholeNumber, 0)
    .option('--output <folder>', 'for the maps', 'runs/inspect')
    .addOption(precisionOption())
    .action((checkpoint: string, picture: string | undefined, flags) =>
      inspect(checkpoint, picture, flags, createOutput(flags.json)),
    ),
);

program.addCommand(
  withAdapter(withShape(command('tune', "measure which kernels are fastest for a network's operations, and remember")))
    .option('--network <name>', 'for example ic-resnet20, vgg16-bn, or a checkpoint file')
    .addOption(inputOption())
    .addOption(classesOption())
    .option('--batch <images>', 'images a step', count, 64)
    .option('--training', 'the operations of a training step instead of inference', false)
    .addOption(precisionOption())
    .option('--export <file>', 'write what is remembered for the adapter as JSON')
    .option('--import <file>', 'remember what --export wrote')
    .action((flags: TuneFlags & { readonly json: boolean }) => tune(flags, createOutput(flags.json))),
);

// Whoever reads may have enough before the end, as `head` has, or end by the same Ctrl-C, as `tee` does.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    endUnread();
  });
}

try {
  await program.parseAsync();
} catch (error) {
  reportFailure('icnet', error);
}
