"""A Modbus server (pymodbus) that serves register images: modbus_server.py tcp|rtu PORT FILE... or serial DEVICE FILE...

rtu: RTU frames over TCP. Images: see modbus_images.py. What is in none is exception 2, a unit that is in none is silent.
"""
import sys

from pymodbus.datastore import ModbusServerContext, ModbusSlaveContext, ModbusSparseDataBlock
from pymodbus.server import StartSerialServer, StartTcpServer
from pymodbus.transaction import ModbusRtuFramer, ModbusSocketFramer

from modbus_images import load


def context(words):
    def block(unit, function):
        return ModbusSparseDataBlock(words.get((unit, function)) or {70000: 0})
    return ModbusServerContext(single=False, slaves={
        u: ModbusSlaveContext(hr=block(u, 3), ir=block(u, 4), zero_mode=True) for u in {k[0] for k in words}})


if __name__ == "__main__":
    kind, where, files = sys.argv[1], sys.argv[2], sys.argv[3:]
    if kind == "serial":
        StartSerialServer(context=context(load(files)), framer=ModbusRtuFramer, port=where, baudrate=9600, timeout=0.05)
    else:
        StartTcpServer(context=context(load(files)), address=("127.0.0.1", int(where)),
                       framer=ModbusRtuFramer if kind == "rtu" else ModbusSocketFramer, allow_reuse_address=True)
