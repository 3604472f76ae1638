# SPDX-License-Identifier: Apache-2.0
"""Simulated floor: real network peers that keep their own ledgers.

    ledger    what was acknowledged to a device, one JSON line each
    payloads  what scanners and scales send; hostile payloads
    devices   MQTT publishers at QoS 1, all in one select loop
    plc       Modbus server, TCP and RTU; plc_program changes its values,
              plc_faults breaks it on command
    compare   ledgers against the receiver
    cli       main
"""
