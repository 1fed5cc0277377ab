"""A Modbus server made of libmodbus, an independent peer in C.

Serves unit 7 on a free TCP port of 127.0.0.1, whose number it prints, or on the
serial port named as argument, then it prints "serial". Each register holds its
address plus 1000, each third coil and each fifth discrete input is on. Ends
when its standard input does.
"""
import ctypes
import os
import sys
import threading

lib = ctypes.CDLL("libmodbus.so.5", use_errno=True)
for name in ("modbus_new_tcp", "modbus_new_rtu", "modbus_mapping_new"):
    getattr(lib, name).restype = ctypes.c_void_p


class Mapping(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int) for n in (
        "nb_bits", "start_bits", "nb_input_bits", "start_input_bits",
        "nb_input_registers", "start_input_registers", "nb_registers", "start_registers")] + [
        ("tab_bits", ctypes.POINTER(ctypes.c_uint8)),
        ("tab_input_bits", ctypes.POINTER(ctypes.c_uint8)),
        ("tab_input_registers", ctypes.POINTER(ctypes.c_uint16)),
        ("tab_registers", ctypes.POINTER(ctypes.c_uint16))]


def until_parent_ends():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=until_parent_ends, daemon=True).start()
mapping = lib.modbus_mapping_new(2000, 2000, 1000, 1000)
tables = ctypes.cast(mapping, ctypes.POINTER(Mapping)).contents
for i in range(1000):
    tables.tab_registers[i] = tables.tab_input_registers[i] = 1000 + i
for i in range(2000):
    tables.tab_bits[i], tables.tab_input_bits[i] = i % 3 == 0, i % 5 == 0

query = (ctypes.c_uint8 * 260)()
if len(sys.argv) > 1:
    ctx = ctypes.c_void_p(lib.modbus_new_rtu(sys.argv[1].encode(), 115200, ctypes.c_char(b"N"), 8, 1))
    lib.modbus_set_slave(ctx, 7)
    if lib.modbus_connect(ctx) < 0:
        sys.exit("connect: errno %d" % ctypes.get_errno())
    print("serial", flush=True)
else:
    ctx = ctypes.c_void_p(lib.modbus_new_tcp(b"127.0.0.1", 0))
    listener = lib.modbus_tcp_listen(ctx, 1)
    if listener < 0:
        sys.exit("listen: errno %d" % ctypes.get_errno())
    import socket
    with socket.socket(fileno=os.dup(listener)) as s:
        print(s.getsockname()[1], flush=True)
    fd = ctypes.c_int(listener)
    lib.modbus_tcp_accept(ctx, ctypes.byref(fd))

failed = 0
while failed < 100:
    n = lib.modbus_receive(ctx, query)
    if n > 0:
        lib.modbus_reply(ctx, query, n, ctypes.c_void_p(mapping))
    failed = failed + 1 if n < 0 else 0
