"""A Modbus server made of python3-pymodbus, an independent peer.

Serves unit 7 on a free port of 127.0.0.1 and prints the port, or in RTU frames
on the serial port named as argument and prints "serial". Ends when its standard
input does. The registers are packed by Python's struct module, so that
neither side's idea of the byte orders stems from the other.
"""
import asyncio
import datetime
import os
import struct
import sys
import threading

from pymodbus.datastore import (ModbusSequentialDataBlock, ModbusServerContext,
                                ModbusSlaveContext, ModbusSparseDataBlock)
from pymodbus.device import ModbusDeviceIdentification
from pymodbus.server.async_io import ModbusSerialServer, ModbusTcpServer


def words(data):
    return list(struct.unpack(">%dH" % (len(data) // 2), data))


def orders(big):
    """ABCD, DCBA, BADC and CDAB of four bytes."""
    a, b, c, d = big
    return bytes([a, b, c, d]), bytes([d, c, b, a]), bytes([b, a, d, c]), bytes([c, d, a, b])


def block(base):
    out = {}

    def put(at, data):
        for i, w in enumerate(words(data)):
            out[base + at + i] = w

    for i, data in enumerate(orders(struct.pack(">f", -1234.5))):
        put(2 * i, data)
    for i, data in enumerate(orders(struct.pack(">I", 3000000000))):
        put(10 + 2 * i, data)
    for i, data in enumerate(orders(struct.pack(">i", -123456789))):
        put(20 + 2 * i, data)
    put(30, struct.pack(">H", 65000))
    put(31, struct.pack(">h", -32000))
    put(32, struct.pack("<H", 4660))
    put(33, struct.pack("<h", -2))
    put(40, bytes.fromhex("%04d" % 1234) + bytes.fromhex("%08d" % 567890))
    digits = "%016d" % 1234567890123456
    put(43, struct.pack(">4H", *[int(digits[i:i + 4]) for i in range(0, 16, 4)]))
    put(47, struct.pack(">HI", 0x8000 | 5, 0x80000000 | 100001))
    put(50, (-74565).to_bytes(4, "big", signed=True) + (-123456789012).to_bytes(6, "big", signed=True))
    a = struct.pack(">d", 5557.5)
    put(60, a[4:] + a[:4])
    put(64, a[2:4] + a[:2] + a[6:] + a[4:6])
    put(70, struct.pack(">hh", 26034, -1))
    now = datetime.datetime.now(datetime.timezone.utc)
    put(80, struct.pack(">6H", now.year, now.month, now.day, now.hour, now.minute, now.second))
    put(86, struct.pack(">I", int(now.timestamp())))
    put(90, b"SN-42 \0\0")
    for i in range(125):
        put(200 + i, struct.pack(">H", i * 500))
    return ModbusSparseDataBlock(out)


async def main():
    unit = ModbusSlaveContext(
        zero_mode=True,
        ir=block(0), hr=block(0),
        co=ModbusSequentialDataBlock(0, [i % 3 == 0 for i in range(2000)]),
        di=ModbusSequentialDataBlock(0, [i % 5 == 0 for i in range(2000)]))
    context = ModbusServerContext(slaves={7: unit}, single=False)
    identity = ModbusDeviceIdentification(info_name={"VendorName": "Pymodbus", "ProductCode": "PM", "MajorMinorRevision": "3.0"})
    if len(sys.argv) > 1:
        server = ModbusSerialServer(context, port=sys.argv[1], baudrate=115200, ignore_missing_slaves=True, identity=identity)
        await server.start()
        print("serial", flush=True)
        await server.serve_forever()
    server = ModbusTcpServer(context, address=("127.0.0.1", 0), ignore_missing_slaves=True, identity=identity)
    task = asyncio.ensure_future(server.serve_forever())
    await server.serving
    print(server.server.sockets[0].getsockname()[1], flush=True)
    await task


def until_parent_ends():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=until_parent_ends, daemon=True).start()
asyncio.run(main())
