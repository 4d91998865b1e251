/** Networks out of ONNX files and into them. Browser-safe. */
export { type EncodeOnnxOptions, encodeOnnx } from './onnx/encode.js';
