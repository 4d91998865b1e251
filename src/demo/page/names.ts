/** A network's name as it is written in text: `IC-ResNet-8` of `ic-resnet8`. */
export function displayName(name: string): string {
  return name
    .replace(/^(cifar|imagenet)-/, '')
    .replace('ic-', 'IC-')
    .replace('resnet', 'ResNet-');
}
