/** Letters in a line, dark on white, as images NHWC of three channels: what a model that looks for text finds. */
export function letters(height: number, width: number, batch: number): Float32Array {
  const image = new Float32Array(height * width * 3).fill(2);
  const stroke = 2;
  for (let letter = 0; letter < 6; letter++) {
    for (let row = 0; row < 7 * stroke; row++) {
      for (let column = 0; column < 5 * stroke; column++) {
        const [i, j] = [Math.floor(row / stroke), Math.floor(column / stroke)];
        const isInk = i === 0 || j === 0 || (letter % 2 === 1 ? i === 3 : j === 4) || (letter % 3 !== 0 && i === 6);
        const pixel = (12 + row) * width + 4 + letter * (5 * stroke + 4) + column;
        if (isInk) image.fill(-2, 3 * pixel, 3 * pixel + 3);
      }
    }
  }
  return Float32Array.from({ length: batch * image.length }, (_, index) => image[index % image.length]!);
}
