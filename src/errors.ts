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

/** The base of every error this package throws on purpose. */
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
    super(`${details.operation}: ${details.parameter}: expected ${details.expected}, got ${details.got}`, options);
    this.name = new.target.name;
    this.operation = details.operation;
    this.parameter = details.parameter;
    this.expected = details.expected;
    this.got = details.got;
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

/** Something the device cannot hold or run: names the limit, what it allows and what was asked for. */
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
