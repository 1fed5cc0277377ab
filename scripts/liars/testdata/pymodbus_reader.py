"""Reads a Modbus device with python3-pymodbus as it comes.

Each line of standard input is an order in JSON: to open a device, or to read it.
Each is answered by a line: a list of numbers, null where there is none.
"""
import json
import logging
import sys

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.transaction import ModbusRtuFramer, ModbusSocketFramer

logging.disable(logging.CRITICAL)


class Device:
    def __init__(self, order):
        host, port = order["addr"].rsplit(":", 1)
        framer = ModbusRtuFramer if order["rtu"] else ModbusSocketFramer
        self.client = ModbusTcpClient(host, int(port), framer=framer)
        self.client.params.timeout = order["timeout"]  # the constructor takes whole seconds only
        self.regs = order["regs"]
        self.blocks = []
        end = None
        for i, reg in enumerate(self.regs):
            if reg["at"] != end:
                self.blocks.append([])
            self.blocks[-1].append(i)
            end = reg["at"] + reg["n"]

    def read(self):
        values = [None] * len(self.regs)
        for block in self.blocks:
            first, last = self.regs[block[0]], self.regs[block[-1]]
            ask = self.client.read_input_registers if first["input"] else self.client.read_holding_registers
            try:
                answer = ask(first["at"], last["at"] + last["n"] - first["at"], slave=7)
                words = [] if answer.isError() else answer.registers
            except (ModbusException, OSError):
                continue
            except Exception:  # it raises many kinds where an answer is malformed
                continue
            for i in block:
                at = self.regs[i]["at"] - first["at"]
                part = words[at:at + self.regs[i]["n"]]
                if len(part) == self.regs[i]["n"]:
                    values[i] = part[0] if len(part) == 1 else part[0] * 65536 + part[1]
        return values


device = None
for line in sys.stdin:
    order = json.loads(line)
    if order["read"]:
        print(json.dumps(device.read()), flush=True)
        continue
    if device:
        device.client.close()
    device = Device(order)
    print("[]", flush=True)
