# SPDX-License-Identifier: Apache-2.0
"""simulate scanners | plc | hostile | compare: the command line."""
import argparse
import asyncio
import json
import pathlib
import signal
import sys
import time

from . import compare, payloads


def _parser():
    parser = argparse.ArgumentParser(prog="simulate",
                                     description="A floor: scanners, scales, a PLC, ledgers.")
    commands = parser.add_subparsers(dest="command", required=True)

    fleet = commands.add_parser("scanners", help="scanners and scales over MQTT QoS 1")
    fleet.add_argument("--broker", default="127.0.0.1:1883", help="HOST:PORT")
    fleet.add_argument("--secrets", help="JSON file {device: secret}: user name is the device")
    fleet.add_argument("--mqtt5", action="store_true", help="MQTT 5 instead of 3.1.1")
    fleet.add_argument("--ledgers", required=True, help="folder, one file a device")
    fleet.add_argument("--device", action="append", default=[], metavar="NAME=FORM",
                       help="repeatable; forms: " + " ".join(payloads.FORMS))
    fleet.add_argument("--rate", type=float, default=10.0, help="events a second and device")
    fleet.add_argument("--burst", type=int, default=1, help="events at once")
    fleet.add_argument("--count", type=int, default=0, help="per device, 0 = until SIGTERM")
    fleet.add_argument("--in-flight", type=int, default=20, help="unacknowledged at once")
    fleet.add_argument("--drop-every", type=int, default=0,
                       help="cut the connection after so many events")
    fleet.add_argument("--start-at", type=int, default=1, help="number of the first event")
    fleet.add_argument("--grace", type=float, default=10.0,
                       help="seconds to wait for acknowledgements at the end")
    fleet.add_argument("--figures", action="store_true", help="a JSON line of figures a second")
    fleet.set_defaults(run=_fleet)

    plc = commands.add_parser("plc", help="a PLC as Modbus TCP server")
    plc.add_argument("--listen", default="127.0.0.1:1502", help="HOST:PORT, port 0 = any free")
    plc.add_argument("--control-port", type=int, default=0)
    plc.add_argument("--bus", default="plc1", help="ledgers are BUS.POINT.jsonl")
    plc.add_argument("--ledgers", help="folder")
    plc.add_argument("--interval", type=float, default=0.2, help="seconds between pieces")
    plc.set_defaults(run=_plc)

    hostile = commands.add_parser("hostile", help="payloads nobody should send")
    hostile.add_argument("--broker", default="127.0.0.1:1883")
    hostile.add_argument("--topic", required=True)
    hostile.add_argument("--user", help="user name; the password is in $GW_SECRET")
    hostile.add_argument("--log", default="hostile.log")
    hostile.set_defaults(run=_hostile)

    check = commands.add_parser("compare", help="ledgers against the receiver")
    check.add_argument("--ledgers", required=True)
    check.add_argument("--receiver", required=True, help="URL of its control port")
    check.add_argument("--wait", type=float, default=0.0,
                       help="try again for so many seconds while something is missing")
    check.set_defaults(run=_compare)

    forms = commands.add_parser("forms", help="the gateway's device settings for each form")
    forms.set_defaults(run=lambda options: print(json.dumps(payloads.POINTERS, indent=1)) or 0)
    return parser


def _address(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


def _fleet(options):
    from .devices import Device, Fleet, Plan
    pathlib.Path(options.ledgers).mkdir(parents=True, exist_ok=True)
    plan = Plan(options.rate, options.burst, options.count, options.in_flight,
                options.drop_every)
    secrets = (json.loads(pathlib.Path(options.secrets).read_text()) if options.secrets else {})
    devices = []
    for number, text in enumerate(options.device, 1):
        name, _, form = text.partition("=")
        if form not in payloads.FORMS:
            raise ValueError(f"--device {text}: allowed forms: {' '.join(payloads.FORMS)}")
        devices.append(Device(name, number, form, _address(options.broker), options.ledgers,
                              plan, start_at=options.start_at, secret=secrets.get(name),
                              mqtt5=options.mqtt5))
    fleet = Fleet(devices)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: fleet.stop())
    last = [time.monotonic()]

    def tick(_):
        if options.figures and time.monotonic() - last[0] >= 1:
            last[0] = time.monotonic()
            print(json.dumps(_figures(devices)), flush=True)

    fleet.run(options.grace, tick)
    print(json.dumps(_figures(devices)), flush=True)
    return 0


def _figures(devices):
    return {"acked": sum(device.acked for device in devices),
            "reconnects": sum(device.reconnects for device in devices),
            "devices": {device.name: device.acked for device in devices}}


def _plc(options):
    from . import plc_program
    host, port = _address(options.listen)
    if options.ledgers:
        pathlib.Path(options.ledgers).mkdir(parents=True, exist_ok=True)

    def ready(port, control):
        print(json.dumps({"port": port, "control": f"http://127.0.0.1:{control}"}), flush=True)

    async def until_told():
        task = asyncio.ensure_future(plc_program.run(
            options.bus, host, port, options.control_port, options.ledgers, options.interval,
            ready))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            pass

    asyncio.run(until_told())
    return 0


def _hostile(options):
    from . import hostile
    acked = hostile.throw(_address(options.broker), options.topic, options.log,
                          user=options.user)
    print(json.dumps({"acked": acked}))
    return 0


def _compare(options):
    give_up = time.monotonic() + options.wait
    while True:
        findings = compare.compare(options.ledgers, compare.fetch_events(options.receiver))
        good = all(finding.good for finding in findings)
        if good or time.monotonic() >= give_up:
            break
        time.sleep(0.5)
    print(compare.report(findings))
    return 0 if good and findings else 1


def main(arguments=None):
    """Entry; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (OSError, ValueError) as error:
        print(f"simulate: {error}", file=sys.stderr)
        return 2
