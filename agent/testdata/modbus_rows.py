"""Serves the rows of a CSV as float32 holding registers (big endian, unit 1,
two registers a column from address 0) over Modbus TCP.

usage: modbus_rows.py CSV FIRST_ROWS HOST PORT

Each read of the first register advances one row. After the last row the first
FIRST_ROWS rows are served again, over and over. It prints "serving" once it
listens.
"""
import asyncio
import csv
import struct
import sys

from pymodbus.datastore import (ModbusServerContext, ModbusSlaveContext,
                                ModbusSequentialDataBlock)
from pymodbus.server import StartAsyncTcpServer


class Rows(ModbusSequentialDataBlock):
    def __init__(self, rows, again):
        self.rows, self.again, self.next = rows, again, 0
        super().__init__(0, [0] * len(rows[0]))

    def getValues(self, address, count=1):
        if address == 0:
            n, self.next = self.next, self.next + 1
            if n >= len(self.rows):
                n = (n - len(self.rows)) % self.again
            self.values = self.rows[n]
        return self.values[address:address + count]


def registers(row):
    raw = b"".join(struct.pack(">f", float(v)) for v in row)
    return list(struct.unpack(">%dH" % (len(raw) // 2), raw))


async def main(path, again, host, port):
    with open(path, newline="") as f:
        rows = [registers(r[1:]) for r in list(csv.reader(f))[1:]]
    block = Rows(rows, again)
    unit = ModbusSlaveContext(hr=block, ir=block, zero_mode=True)
    server = asyncio.create_task(StartAsyncTcpServer(
        ModbusServerContext(slaves={1: unit}, single=False), address=(host, port)))
    while True:
        try:
            _, w = await asyncio.open_connection(host, port)
            w.close()
            break
        except OSError:
            await asyncio.sleep(0.05)
    print("serving", flush=True)
    await server


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
