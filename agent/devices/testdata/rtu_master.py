"""A Modbus RTU master made of python3-pymodbus: the PLC of a line that is
overheard. Arguments: port, baud rate. Polls until standard input ends.
"""
import os
import sys
import threading

from pymodbus.client import ModbusSerialClient
from pymodbus.exceptions import ModbusException


def until_parent_ends():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=until_parent_ends, daemon=True).start()
client = ModbusSerialClient(port=sys.argv[1], baudrate=int(sys.argv[2]), parity="N", timeout=1, retries=0, strict=False,
                            retry_on_empty=False)
client.connect()
print("polling", flush=True)
cycle = 0
while True:
    cycle += 1
    for unit in (1, 2):
        polls = [
            lambda: client.read_holding_registers(0, 10, slave=unit),
            lambda: client.read_holding_registers(100, 10, slave=unit),  # of the same size
            lambda: client.read_input_registers(20, 4, slave=unit),
            lambda: client.read_input_registers(200, 4, slave=unit),
            lambda: client.read_coils(768, 20, slave=unit),  # looks like its answer
            lambda: client.read_discrete_inputs(0, 8, slave=unit),
        ]
        if cycle % 5 == 0:
            polls.append(lambda: client.write_register(300, cycle & 0xFFFF, slave=unit))
        if cycle % 7 == 0:
            polls.append(lambda: client.read_holding_registers(5000, 2, slave=unit))  # refused
        if cycle % 11 == 0:
            polls.append(lambda: client.write_registers(300, [1, 2, 3], slave=unit))
            polls.append(lambda: client.readwrite_registers(read_address=0, read_count=2, write_address=300,
                                                            write_registers=[7], slave=unit))
            polls.append(lambda: client.read_holding_registers(0, 1, slave=3))  # nobody
        for poll in polls:
            try:
                poll()
            except ModbusException as e:
                print(e, file=sys.stderr)
                client.connect()
