# SPDX-License-Identifier: Apache-2.0
"""pysparkplug_edge.py PORT: pysparkplug's edge node G1/Py with a device, a metric of every type that it can write."""
import datetime
import struct
import sys
import time

import pysparkplug as sp

T = sp.DataType
START = 1700000000000
clock = START


def metric(name, datatype, value):
    global clock
    clock += 1
    return sp.Metric(timestamp=clock, name=name, datatype=datatype, value=value)


def day(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)


VALUES = [
    ("i8", T.INT8, -128, 127), ("i16", T.INT16, -32768, 32767), ("i32", T.INT32, -(2**31), 2**31 - 1), ("i64", T.INT64, -(2**63), 2**63 - 1),
    ("u8", T.UINT8, 0, 255), ("u16", T.UINT16, 0, 65535), ("u32", T.UINT32, 0, 2**32 - 1), ("u64", T.UINT64, 0, 2**64 - 1),
    ("f", T.FLOAT, 1.5, -0.25), ("d", T.DOUBLE, 0.1, -1e300), ("b", T.BOOLEAN, True, False), ("s", T.STRING, "RUN", "Stillstand – kälte"),
    ("t", T.TEXT, "a text", "b"), ("uuid", T.UUID, "123e4567-e89b-12d3-a456-426614174000", "00000000-0000-0000-0000-000000000000"),
    ("when", T.DATETIME, day(START), day(START + 1000)), ("bytes", T.BYTES, b"\x00\x01\xfe\xff", b"\x07"), ("file", T.FILE, b"%PDF", b"\x00"),
    ("i8s", T.INT8_ARRAY, (-128, 127), (-1,)), ("i16s", T.INT16_ARRAY, (-32768, 32767), (-1,)), ("i32s", T.INT32_ARRAY, (-(2**31), 2**31 - 1), (-1,)),
    ("i64s", T.INT64_ARRAY, (-(2**63), 2**63 - 1), (-1,)), ("u8s", T.UINT8_ARRAY, (0, 255), (1,)), ("u16s", T.UINT16_ARRAY, (0, 65535), (1,)),
    ("u32s", T.UINT32_ARRAY, (0, 2**32 - 1), (1,)), ("u64s", T.UINT64_ARRAY, (0, 2**64 - 1), (1,)), ("fs", T.FLOAT_ARRAY, (1.5, -0.25), (3.0,)),
    ("ds", T.DOUBLE_ARRAY, (0.1, -1e300), (2.0,)), ("bs", T.BOOLEAN_ARRAY, (True, False, True), (False,)), ("ss", T.STRING_ARRAY, ("one", "two"), ("three",)),
]


def usable():
    """Those that this release can encode: some of its types are declared and not finished."""
    for name, datatype, first, second in VALUES:
        try:
            datatype.encode(first)
            datatype.encode(second)
            yield name, datatype, first, second
        except (AttributeError, NotImplementedError, ValueError, TypeError, struct.error) as why:
            print(f"not encodable: {name}: {why!r}", file=sys.stderr)


node = sp.EdgeNode("G1", "Py", [metric("temp", T.DOUBLE, 20.5)])
values = list(usable())
node.register(sp.Device("D1", [metric(name, datatype, first) for name, datatype, first, _ in values]))
node.connect("127.0.0.1", port=int(sys.argv[1]))
time.sleep(1)  # its client connects in a thread and says nothing when it is through
node.update_device("D1", [metric(name, datatype, second) for name, datatype, _, second in values])
node.update([metric("temp", T.DOUBLE, 21.5)])
time.sleep(0.5)
node.disconnect()
time.sleep(0.5)
