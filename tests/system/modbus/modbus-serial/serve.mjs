// SPDX-License-Identifier: Apache-2.0
// A Modbus server by modbus-serial: node serve.mjs tcp PORT | rtu LINE
// What it shows is what pymodbus_peer.py shows.
import modbus from "modbus-serial";

const [kind, where] = process.argv.slice(2);
let reads = 0;

function values(holding, address, count, unit) {
    reads += 1;
    return Array.from({ length: count }, (_, i) => {
        const at = address + i;
        if (at % 10 === 0) {
            return (holding << 12) | (unit << 8) | (at / 10);
        }
        return at % 10 === 1 ? reads % 65536 : 0;
    });
}

const vector = {
    getMultipleHoldingRegisters: (address, count, unit, done) =>
        done(null, values(1, address, count, unit)),
    getMultipleInputRegisters: (address, count, unit, done) =>
        done(null, values(0, address, count, unit)),
};

if (kind === "tcp") {
    new modbus.ServerTCP(vector, { host: "127.0.0.1", port: Number(where), unitID: 255 });
} else {
    new modbus.ServerSerial(vector, { port: where, baudRate: 115200, unitID: 255 });
}
