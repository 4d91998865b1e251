/** Networks out of ONNX files and into them. Browser-safe. */

export type {} from './device/webgpu.js';
export { type DecodeOnnxOptions, decodeOnnx, type OnnxModel, onnxDataFiles } from './onnx/decode.js';
export { type EncodeOnnxOptions, encodeOnnx } from './onnx/encode.js';
export type { Metadata } from './onnx/metadata.js';
