#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""parquet.py STREAM OUTPUT: the doubles of a stream as a Parquet file with zstd, and prints how many readings that are, the
bytes of the file and the CPU seconds of writing it. What rawbuf is measured against.

Needs pyarrow and numpy. Parquet may choose: with its defaults (dictionaries), and with the encodings meant for measurements
(times as differences, values split by byte); the smaller file counts.
"""
import os
import sys
import time

import numpy
import pyarrow
import pyarrow.parquet

READINGS, SERIES, TIME, DOUBLE = 4, 1, 2, 3


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if byte < 0x80:
            return value, at


def columns(data):
    """Series, time and value of every Readings frame that has doubles."""
    series, times, values = [], [], []
    at = 0
    while at < len(data):
        length, begin = varint(data, at + 1)
        at = begin + length
        if data[begin] >> 3 != READINGS:
            continue
        _, field = varint(data, begin + 1)
        found = {}
        while field < at and data[field] & 7 == 2:
            number = data[field] >> 3
            size, field = varint(data, field + 1)
            found[number] = data[field:field + size]
            field += size
        if DOUBLE in found:
            series.append(numpy.frombuffer(found[SERIES], "<u4"))
            times.append(numpy.frombuffer(found[TIME], "<i8"))
            values.append(numpy.frombuffer(found[DOUBLE], "<f8"))
    return numpy.concatenate(series), numpy.concatenate(times), numpy.concatenate(values)


def main():
    with open(sys.argv[1], "rb") as stream:
        series, times, values = columns(stream.read())
    table = pyarrow.table({"series": series, "time": pyarrow.array(times, pyarrow.timestamp("ns")), "value": values})
    measured = {"use_dictionary": ["series"],
                "column_encoding": {"time": "DELTA_BINARY_PACKED", "value": "BYTE_STREAM_SPLIT"}}
    results = []
    for options in ({}, measured):
        start = time.process_time()
        pyarrow.parquet.write_table(table, sys.argv[2], compression="zstd", **options)
        results.append((os.path.getsize(sys.argv[2]), time.process_time() - start))
    size, cpu = min(results)
    print(len(series), size, f"{cpu:.3f}")


if __name__ == "__main__":
    main()
