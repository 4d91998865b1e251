import type { LayerOutput } from '../graph/inference.js';
import { float32Tensor, writeSafetensors } from '../io/safetensors.js';
import { type Output, rounded } from '../terminal/output.js';
import { writeResult } from '../terminal/writing.js';

/** What becomes of the outputs of layers that are asked for. */
export interface LayerReport {
  /** Says, or keeps, what the layers leave of one picture; `outputs` are those of a batch, in which it is number `index`. */
  add(picture: string, index: number, outputs: ReadonlyMap<string, Float32Array>): void;
  /** Writes what is kept. */
  finish(): Promise<void>;
}

/**
 * Reports the outputs of layers picture by picture, and where there is a file, keeps them for it: in safetensors a tensor a layer,
 * [pictures, height, width, channels], and the pictures' paths as metadata.
 *
 * @param layers - those that are asked for
 * @param described - of the compiled network, by layer
 */
export function layerReport(
  layers: readonly string[],
  described: ReadonlyMap<string, LayerOutput>,
  file: string | undefined,
  output: Output,
): LayerReport {
  const pictures: string[] = [];
  const kept = new Map(layers.map((layer) => [layer, [] as Float32Array[]]));
  return {
    add(picture, index, outputs) {
      pictures.push(picture);
      for (const layer of layers) {
        const shape = described.get(layer)!.shape.slice(1);
        const count = shape.reduce((product, size) => product * size, 1);
        const values = outputs.get(layer)!.slice(index * count, (index + 1) * count);
        if (file === undefined) report(picture, layer, shape, values, output);
        else kept.get(layer)!.push(values);
      }
    },
    async finish() {
      if (file === undefined) return;
      const tensors = layers.map((layer) => {
        const [, ...shape] = described.get(layer)!.shape;
        return [layer, float32Tensor([pictures.length, ...shape], joined(kept.get(layer)!))] as const;
      });
      const place = await writeResult(file, writeSafetensors(tensors, { pictures: JSON.stringify(pictures) }), output);
      output.emit({ event: 'saved', file: place, layers, pictures: pictures.length });
      output.say(`${layers.join(', ')} of ${pictures.length} pictures in ${place}`);
    },
  };
}

function report(picture: string, layer: string, shape: readonly number[], values: Float32Array, output: Output): void {
  output.emit({ event: 'output', picture, layer, shape, values: [...values] });
  if (output.json) return;
  let [least, largest, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const value of values) {
    least = Math.min(least, value);
    largest = Math.max(largest, value);
    sum += value;
  }
  const range = `${rounded(least)} to ${rounded(largest)}, mean ${rounded(sum / values.length)}`;
  output.say(`  ${layer}  ${shape.join(' x ')}  ${range}`);
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    all.set(part, position);
    position += part.length;
  }
  return all;
}
