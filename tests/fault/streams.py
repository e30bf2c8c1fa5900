#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""streams.py DIR [ROWS]: writes good and bad streams for tests into DIR, with nothing but Python's own library.

Written from frames.proto and not with the toolkit's code, so that a mistake there cannot hide here.
"""
import struct
import sys

LENGTH_DELIMITED, VARINT, FIXED64 = 2, 0, 1


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, kind, content):
    return varint(number << 3 | kind) + content


def sized(number, content):
    content = content.encode() if isinstance(content, str) else content
    return field(number, LENGTH_DELIMITED, varint(len(content)) + content)


def number(field_number, value):
    return field(field_number, VARINT, varint(value)) if value else b""


def frame(kind, body):
    return sized(1, sized(kind, body))


# Kinds are field numbers of message Frame.
OPEN, CLOSE, SERIES, READINGS, WAVEFORM, LIFECYCLE, WATERMARK, POSITION, RESUME = 1, 2, 3, 4, 5, 6, 9, 15, 16
START = 1_700_000_000 * 10**9


def opened(schema=1, sealed=True):
    return frame(OPEN, number(1, schema) + sized(2, "streams.py 1") + number(3, int(sealed)))


def closed(frames, readings, final=True):
    return frame(CLOSE, number(1, frames) + number(2, readings) + number(3, int(final)))


def series(sensors, asset="pump-1"):
    """sensors: (alias, name, type), type 1 double, 5 string, …"""
    body = sized(1, "plant-a") + sized(2, "line-1") + sized(3, asset) + sized(4, "plant-a/line-1")
    for alias, name, kind in sensors:
        low, high = (field(n, FIXED64, struct.pack("<d", v)) for n, v in ((7, 0.0), (8, 200.0)))
        body += sized(6, number(1, alias) + sized(2, name) + number(3, kind) + sized(5, "Cel") + low + high)
    return frame(SERIES, body)


def readings(rows, times=None):
    """rows: (alias, seconds behind START, value)."""
    times = times if times is not None else [START + int(second * 10**9) for _, second, _ in rows]
    return frame(READINGS, sized(1, b"".join(struct.pack("<I", alias) for alias, _, _ in rows))
                 + sized(2, b"".join(struct.pack("<q", time) for time in times))
                 + sized(3, b"".join(struct.pack("<d", value) for _, _, value in rows)))


def rows_of(frame_bytes):
    """Rows in a frame that readings() made; 0 for all others."""
    at = 1
    while frame_bytes[at] >= 0x80:
        at += 1
    if frame_bytes[at + 1] != READINGS << 3 | LENGTH_DELIMITED:
        return 0
    # Twenty bytes a row: alias, time, value.
    return len(frame_bytes) // 20


def watermark(second):
    return frame(WATERMARK, sized(1, "plant-a/line-1") + field(3, FIXED64, struct.pack("<q", START + second * 10**9)))


def position(count):
    return frame(POSITION, sized(1, "streams.py") + number(2, count) + sized(3, sized(1, "log") + number(3, count)))


def resume(count):
    return frame(RESUME, sized(1, sized(1, "streams.py") + number(2, count) + sized(3, sized(1, "log") + number(3, count))))


def body(rows):
    """Declarations and `rows` readings in frames of at most 100, a watermark behind each and a Position behind every 10th."""
    frames = [series([(0, "temp-1", 1), (1, "vibration-1", 1)])]
    for begin in range(0, rows, 100):
        some = [(row % 2, row, 20.0 + (row // 2 * 7 % 30) / 100) for row in range(begin, min(begin + 100, rows))]
        frames += [readings(some), watermark(begin + 100)]
        if begin // 100 % 10 == 9:
            frames.append(position(begin // 100 + 1))
    return frames


def sealed(frames, rows, final=True):
    return opened() + b"".join(frames) + closed(len(frames), rows, final)


def all_streams(rows):
    good_frames = body(rows)
    good = sealed(good_frames, rows)
    head = opened() + series([(0, "temp-1", 1)])
    one = readings([(0, 1, 20.0)])
    yield "good", good
    yield "small", sealed(body(20), 20)
    yield "stopped", sealed(good_frames, rows, final=False)
    yield "unsealed", opened(sealed=False) + b"".join(good_frames)
    yield "empty", b""
    yield "torn", good[:len(good) * 2 // 3]
    yield "no-close", opened() + b"".join(good_frames)
    yield "no-open", b"".join(good_frames)
    yield "wrong-tag", head + one + b"\x12" + one[1:]
    yield "oversize", head + one + b"\x0a" + varint(1 << 40)
    yield "endless-length", head + one + b"\x0a" + b"\xff" * 10
    yield "not-a-frame", head + one + b"\x0a\x02\x0a\x05"
    yield "two-kinds", head + one + sized(1, sized(OPEN, b"") + sized(CLOSE, b""))
    yield "undeclared-alias", head + readings([(7, 1, 20.0)])
    yield "unequal-columns", head + readings([(0, 1, 20.0), (0, 2, 21.0)], times=[START])
    yield "gap-in-aliases", opened() + series([(0, "temp-1", 1), (5, "temp-2", 1)])
    yield "alias-reused", head + series([(0, "temp-9", 1)])
    yield "schema-2", opened(schema=2)
    yield "open-inside", head + one + opened()
    yield "behind-close", head + one + closed(2, 1) + one
    yield "wrong-count", head + one + closed(2, 99)
    yield "resume", opened() + resume(10) + b"".join(good_frames) + closed(1 + len(good_frames), rows)
    yield "unequal-columns-inside", head + readings([(0, 1, 20.0), (0, 2, 21.0)], times=[START]) + one + closed(3, 3)
    yield "large", sealed(body(200_000), 200_000)
    yield "text", b"time,value\n1,2\n"


def main():
    directory = sys.argv[1]
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
    for name, content in all_streams(rows):
        with open(f"{directory}/{name}.tp", "wb") as file:
            file.write(content)


if __name__ == "__main__":
    main()
