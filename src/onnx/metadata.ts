/** Keys of an ONNX file's metadata; their values are JSON. */
export const normalisationKey = 'normalisation';
export const classNamesKey = 'class_names';
