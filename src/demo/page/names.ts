/** A network's name as it is written in text: `IC-ResNet-8` of `ic-resnet8`. */
export function displayName(name: string): string {
  return name
    .replace(/^(cifar|imagenet)-/, '')
    .replace('ic-', 'IC-')
    .replace('resnet', 'ResNet-');
}

/** A convolution's name as it is written in text: `ResNet-50, 3 × 3, 56 × 56, 64 → 64` of `resnet50 b1 3x3 56x56 64->64`. */
export function convolutionName(name: string): string {
  const [network, batch, ...shape] = name.split(' ');
  const size = batch === 'b1' ? [] : [`batch ${batch?.slice(1)}`];
  const parts = shape.map((part) => part.replaceAll('x', ' × ').replace('->', ' → ').replace('/', ' stride '));
  return [displayName(network!), ...size, ...parts].join(', ');
}

const ordinals = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth'];

/** A layer's name for people: `Stage 2, first block, second convolution` of `layer2.0.conv2`. */
export function layerName(layer: string): string {
  const [, stage, block, kind, index] = /^layer(\d+)\.(\d+)\.(conv|downsample\.)(\d+)$/.exec(layer) ?? [];
  if (stage === undefined) return /^conv1$/.test(layer) ? 'First convolution' : displayName(layer);
  const ordinal = ordinals[Number(block)];
  const place = `Stage ${stage}, ${ordinal ? `${ordinal} block` : `block ${Number(block) + 1}`}`;
  return kind === 'conv' ? `${place}, ${ordinals[Number(index) - 1]} convolution` : `${place}, shortcut`;
}
