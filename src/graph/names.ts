/** How the tensors of a plan are called. */
export const inputTensor = 'input';
export const labelsTensor = 'labels';

/** The output of a layer. */
export const activationOf = (layer: string): string => (layer === 'input' ? inputTensor : `activation ${layer}`);
/** The loss's gradient with respect to the output of a layer. */
export const gradientOf = (layer: string): string => `gradient ${layer}`;
/** What a layer's forward pass keeps for its backward pass. */
export const keptBy = (layer: string, what: string): string => `kept ${layer} ${what}`;
/** A tensor that the backward pass has computed again. */
export const recomputed = (tensor: string): string => `recomputed ${tensor}`;
/** An entry of the network's state. */
export const parameter = (name: string): string => `parameter ${name}`;
/** The loss's gradient with respect to an entry of the network's state. */
export const parameterGradient = (name: string): string => `parameterGradient ${name}`;
/** Scale and shift of a batch norm at inference. */
export const foldedNorm = (layer: string): string => `folded ${layer}`;
/** An entry of the network's state in float16. */
export const halved = (name: string): string => `halved ${name}`;
/** The network's input in float16. */
export const halvedInput = 'input in float16';
/** The output of a layer in float32 again. */
export const widened = (layer: string): string => `widened ${layer}`;
/** Where an operation notes that a value does not fit into float16. */
export const statusOf = (name: string): string => `status ${name}`;
/** A layer's filters in float16, made anew for every use. */
export const narrowedFor = (use: number, name: string): string => `narrowed ${use} ${name}`;
/** Where a training step notes a value that does not fit into float16, and by what it multiplies its loss. */
export const faultTensor = 'fault';
export const lossScaleTensor = 'loss scale';
/** Each example's loss, and how many classes are ahead of its label. */
export const lossesTensor = 'losses';
export const ranksTensor = 'ranks';
/** A teacher's logits, how far each example's logits are from them, and how much that weighs. */
export const teacherTensor = 'teacher logits';
export const distancesTensor = 'distances';
export const distillationWeightTensor = 'distillation weight';

/** Whether a tensor has a buffer of its own, outside the arena. */
export function isExternal(tensor: string): boolean {
  const named = [inputTensor, labelsTensor, teacherTensor, distillationWeightTensor, faultTensor, lossScaleTensor];
  return named.includes(tensor) || /^(parameter|parameterGradient|folded|halved|status) /.test(tensor);
}
