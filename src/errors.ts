/** What every error of this package says: where it happened, what was expected and what came instead. */
export interface ErrorDetails {
  /** The operation that refused, for example `conv2d`. */
  readonly operation: string;
  /** The parameter at fault, for example `groups`. */
  readonly parameter: string;
  /** What would have been right. */
  readonly expected: string;
  /** What came instead. */
  readonly got: string;
}

/** Texts in errors are cut in their middle beyond this: what comes from a file may be of any length. */
const longestText = 500;

function shortened(text: string): string {
  return text.length > longestText ? `${text.slice(0, longestText - 150)} ... ${text.slice(-150)}` : text;
}

/** The base of every error this package throws on purpose. Parameter, expected and got have 505 characters at most. */
export class ICError extends Error {
  /** The operation that refused, for example `conv2d`. */
  readonly operation: string;
  /** The parameter at fault, for example `groups`. */
  readonly parameter: string;
  /** What would have been right. */
  readonly expected: string;
  /** What came instead. */
  readonly got: string;

  constructor(details: ErrorDetails, options?: ErrorOptions) {
    const { operation } = details;
    const [parameter, expected, got] = [details.parameter, details.expected, details.got].map(shortened);
    super(`${operation}: ${parameter}: expected ${expected}, got ${got}`, options);
    this.name = new.target.name;
    this.operation = operation;
    this.parameter = parameter!;
    this.expected = expected!;
    this.got = got!;
  }

  /** The same error, its parameter prefixed with the layer it happened in. */
  at(layer: string): ICError {
    const { operation, parameter, expected, got } = this;
    const Kind = this.constructor as new (details: ErrorDetails, options?: ErrorOptions) => ICError;
    return new Kind({ operation, parameter: `${layer}: ${parameter}`, expected, got }, { cause: this });
  }
}

/** A rank, size, count or value that does not fit the operation. */
export class ShapeError extends ICError {}

/**
 * Something the device cannot hold or run, or more of a file than is read at once: names the limit, what it allows and what was
 * asked for.
 */
export class LimitError extends ICError {}

/** A combination that is valid in itself but not supported here. */
export class UnsupportedError extends ICError {}

/** The GPU device was lost, or none could be had. */
export class DeviceLostError extends ICError {}

/** A file that is not what it claims to be; `parameter` says where in the file. */
export class FormatError extends ICError {}

/** Training produced a value that is not a number or not finite. */
export class NumericError extends ICError {}

/** Something was used after it, or what it works on, was disposed. */
export class DisposedError extends ICError {}

/** A call of something that does one thing at a time, while an earlier call has not ended. */
export class BusyError extends ICError {}
