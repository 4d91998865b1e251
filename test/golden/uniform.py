"""Values by formula, which test/support/random.ts makes as well."""

import numpy


def uniform(count, seed):
    def multiply(x, factor):
        return (x * factor) & 0xFFFFFFFF

    x = numpy.arange(count, dtype=numpy.uint64)
    x = (x + seed * 0x9E3779B9) & 0xFFFFFFFF
    x = multiply(x ^ (x >> 16), 0x7FEB352D)
    x = multiply(x ^ (x >> 15), 0x846CA68B)
    x = x ^ (x >> 16)
    return (x.astype(numpy.float64) / 2**31 - 1).astype(numpy.float32)
