"""Units 1 and 2 of a Modbus RTU line made of python3-pymodbus. Arguments: port,
baud rate. Every even register holds its own place, every odd one the number of
the request that asked for it, so that a value tells where and when it was read.
"""
import asyncio
import os
import sys
import threading

from pymodbus.datastore import ModbusServerContext, ModbusSlaveContext
from pymodbus.datastore.store import BaseModbusDataBlock
from pymodbus.framer.rtu_framer import ModbusRtuFramer
from pymodbus.server.async_io import ModbusSerialServer

asked = 0


class Words(BaseModbusDataBlock):
    def __init__(self, code):
        self.code = code
        self.values, self.address, self.default_value = {}, 0, 0

    def validate(self, address, count=1):
        return address + count <= 4096

    def getValues(self, address, count=1):
        global asked
        asked += 1
        return [(asked if (address + i) % 2 else self.code ^ (address + i)) & 0xFFFF for i in range(count)]

    def setValues(self, address, values):
        pass


class Bits(Words):
    def getValues(self, address, count=1):
        return [(address + i) % 3 == 0 for i in range(count)]


async def main():
    units = {u: ModbusSlaveContext(zero_mode=True, hr=Words(u << 14 | 3 << 12), ir=Words(u << 14 | 0 << 12), co=Bits(0), di=Bits(0))
             for u in (1, 2)}
    server = ModbusSerialServer(ModbusServerContext(slaves=units, single=False), framer=ModbusRtuFramer, port=sys.argv[1],
                                baudrate=int(sys.argv[2]), parity="N", ignore_missing_slaves=True)
    await server.start()
    print("serving", flush=True)
    await server.serve_forever()


def until_parent_ends():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=until_parent_ends, daemon=True).start()
asyncio.run(main())
