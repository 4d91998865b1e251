import type { TensorProto } from 'onnx-buf';
import {
  floatAttribute,
  floatsAttribute,
  integerAttribute,
  integersAttribute,
  tensorAttribute,
} from '../attributes.js';
import { foldNode } from '../fold/fold.js';
import { tensorOf } from '../fold/numberArrays.js';
import { noteFormulas, recognise } from '../formulas.js';
import {
  type Activation,
  activationOf,
  constantOf,
  described,
  hasInput,
  type ImportState,
  inputOf,
  setActivation,
  setOutput,
  shapeOf,
  tensorValue,
} from '../importState.js';
import { malformed, quoted, unsupported } from '../modelFile.js';
import type { Node } from '../node.js';
import { type OperatorName, operatorOf } from '../signatures.js';
import { truthsOf } from '../tensorValues.js';
import {
  addFunction,
  importClip,
  importExtreme,
  importFunction,
  importGelu,
  importHardSigmoid,
  importLeakyRelu,
  importPRelu,
  importRelu,
} from './activationOperators.js';
import { importArithmetic, importSum } from './arithmetic.js';
import { addAffine, fill } from './channelConstants.js';
import {
  importConcat,
  importGather,
  importLogSoftmax,
  importLRN,
  importSlice,
  importSoftmax,
  importSplit,
} from './channelOperators.js';
import { importBatchNormalization, importConv, importConvTranspose } from './convolutionOperators.js';
import { importGemm, importMatMul } from './denseOperators.js';
import { importICUnit } from './icPattern.js';
import { importPad } from './padOperator.js';
import { importGlobalPool, importPool, importReduction } from './poolOperators.js';
import {
  importCast,
  importFlatten,
  importReshape,
  importShape,
  importSqueeze,
  importTranspose,
  importUnsqueeze,
} from './reshapes.js';
import { importResize } from './resizeOperator.js';

/** Adds a layer, or knows the output as a constant or as another tensor. */
type Import = (state: ImportState, node: Node) => void;

const imports: Readonly<Record<OperatorName, Import>> = {
  Abs: importUnknown,
  Add: importArithmetic,
  AveragePool: importPool,
  BatchNormalization: importBatchNormalization,
  Cast: importCast,
  Ceil: importUnknown,
  Clip: importClip,
  Concat: importConcat,
  Constant: importConstant,
  ConstantOfShape: importUnknown,
  Conv: importConv,
  ConvTranspose: importConvTranspose,
  Div: importArithmetic,
  Dropout: importDropout,
  Equal: importUnknown,
  Erf: importUnknown,
  Exp: importUnknown,
  Expand: importUnknown,
  Flatten: importFlatten,
  Floor: importUnknown,
  Gather: importGather,
  Gelu: importGelu,
  Gemm: importGemm,
  GlobalAveragePool: importGlobalPool,
  GlobalMaxPool: importGlobalPool,
  Greater: importUnknown,
  HardSigmoid: importHardSigmoid,
  HardSwish: importFunction('hardSwish'),
  Identity: importIdentity,
  LRN: importLRN,
  LeakyRelu: importLeakyRelu,
  Less: importUnknown,
  Log: importUnknown,
  LogSoftmax: importLogSoftmax,
  MatMul: importMatMul,
  Max: importExtreme,
  MaxPool: importPool,
  Min: importExtreme,
  Mul: importArithmetic,
  Neg: importNeg,
  PRelu: importPRelu,
  Pad: importPad,
  Pow: importUnknown,
  Range: importUnknown,
  Reciprocal: importUnknown,
  ReduceMax: importReduction,
  ReduceMean: importReduction,
  Relu: importRelu,
  Reshape: importReshape,
  Resize: importResize,
  Shape: importShape,
  Sigmoid: importFunction('sigmoid'),
  Slice: importSlice,
  Softmax: importSoftmax,
  Softplus: importUnknown,
  Split: importSplit,
  Sqrt: importUnknown,
  Squeeze: importSqueeze,
  Sub: importArithmetic,
  Sum: importSum,
  Tanh: importFunction('tanh'),
  Tile: importUnknown,
  Transpose: importTranspose,
  Unsqueeze: importUnsqueeze,
  Upsample: importResize,
  Where: importUnknown,
};

/**
 * Does what a node says: computes it where it does not depend on the images, else as part of a function that is written out, else
 * by itself.
 *
 * @throws UnsupportedError for operators and combinations that there is no layer for, FormatError for a node that
 *   contradicts its operator
 */
export function importNode(state: ImportState, node: Node): void {
  const operator = operatorOf(node, state.opset);
  if (operator === 'Add' && importICUnit(state, node)) return;
  noteFormulas(state, node);
  if (!importFormula(state, node) && !foldNode(state, node, operator)) imports[operator](state, node);
}

/** Adds the layer of a function that ends here and is written out in several nodes. Returns whether it was one. */
function importFormula(state: ImportState, node: Node): boolean {
  const known = recognise(state, node);
  if (!known) return false;
  const { source, ...fields } = known;
  addFunction(state, node, tensorValue(state, source, node.place) as Activation, fields);
  return true;
}

/** What is done to constants alone, or is part of functions that are written out. */
function importUnknown(state: ImportState, node: Node): void {
  const dependent = node.proto.input.findIndex(
    (_, index) => hasInput(node, index) && inputOf(state, node, index).kind === 'activation',
  );
  const expected = 'a constant, or a part of an activation that there is as a layer';
  throw unsupported(`${node.place}, input ${Math.max(0, dependent)}`, expected, described.activation);
}

function importIdentity(state: ImportState, node: Node): void {
  setOutput(state, node, inputOf(state, node, 0));
}

function importDropout(state: ImportState, node: Node): void {
  if (hasInput(node, 2)) {
    const { tensor, place } = constantOf(state, node, 2);
    const [training, ...others] = truthsOf(tensor, place);
    if (training === undefined || others.length > 0) throw malformed(place, 'one BOOL', `${others.length}`);
    if (training !== 0) throw unsupported(`${node.place}, training_mode`, 'false', 'true');
  }
  // The first version had an attribute for it.
  if (state.opset < 7 && integerAttribute(node, 'is_test', 0) === 0) {
    throw unsupported(`${node.place}, is_test`, '1', '0, as in training');
  }
  setOutput(state, node, inputOf(state, node, 0));
}

function importNeg(state: ImportState, node: Node): void {
  const input = activationOf(state, node, 0);
  const channels = shapeOf(state, input)[3];
  setActivation(state, node, addAffine(state, node, input, fill(channels, -1), fill(channels, 0)), input.view);
}

function importConstant(state: ImportState, node: Node): void {
  const [attribute, ...more] = node.proto.attribute;
  if (!attribute || more.length > 0) throw malformed(node.place, 'one value', `${node.proto.attribute.length}`);
  const tensor = constantValue(node, attribute.name);
  if (!tensor) throw unsupported(node.place, 'numbers', quoted(attribute.name));
  setOutput(state, node, { kind: 'constant', tensor });
}

/** The value of a Constant as a tensor, where it is of numbers. */
function constantValue(node: Node, name: string): TensorProto | undefined {
  switch (name) {
    case 'value':
      return tensorAttribute(node, name);
    case 'value_float':
      return tensorOf({ type: 'float', dims: [], values: [floatAttribute(node, name, 0)] });
    case 'value_floats': {
      const values = floatsAttribute(node, name)!;
      return tensorOf({ type: 'float', dims: [values.length], values });
    }
    case 'value_int':
      return tensorOf({ type: 'integer', dims: [], values: [integerAttribute(node, name, 0)] });
    case 'value_ints': {
      const values = integersAttribute(node, name)!;
      return tensorOf({ type: 'integer', dims: [values.length], values });
    }
    default:
      return undefined;
  }
}
