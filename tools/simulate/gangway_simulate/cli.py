# SPDX-License-Identifier: Apache-2.0
"""simulate scanners | scale | line-scanner | plc | hostile | compare: the command line."""
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

    _add_lines(commands)
    plc = commands.add_parser("plc", help="a PLC as Modbus server")
    plc.add_argument("--listen", default="127.0.0.1:1502", help="HOST:PORT, port 0 = any free")
    plc.add_argument("--rtu-listen", type=int, metavar="PORT",
                     help="RTU frames over TCP as well, on the same host; 0 = any free")
    plc.add_argument("--rtu-line", metavar="PATH",
                     help="RTU as well, on a pseudo terminal that is made and linked here")
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


def _add_lines(commands):
    """Devices on a serial line or a TCP connection."""
    from . import scales, serial_scanner
    scale = commands.add_parser("scale", help="a scale on a serial line or TCP")
    scale.add_argument("--protocol", required=True, choices=sorted(scales.PROTOCOLS))
    scale.add_argument("--cycles", type=int, default=10, help="loads put on and taken off")
    scale.set_defaults(run=_scale, known_faults=scales.FAULTS)
    scanner = commands.add_parser("line-scanner", help="a scanner on a serial line or TCP")
    scanner.add_argument("--count", type=int, default=100, help="codes")
    scanner.add_argument("--rate", type=float, default=10.0, help="codes a second")
    scanner.add_argument("--width", type=int, default=0, help="codes are filled up to this")
    scanner.add_argument("--terminator", default="\\r", help="may hold \\r \\n \\t \\x03")
    scanner.set_defaults(run=_line_scanner, known_faults=serial_scanner.FAULTS)
    for parser in (scale, scanner):
        parser.add_argument("--device", required=True, help="name of the ledger")
        parser.add_argument("--ledgers", required=True, help="folder")
        place = parser.add_mutually_exclusive_group(required=True)
        place.add_argument("--pty", metavar="PATH", help="link to a pseudo-terminal")
        place.add_argument("--listen", metavar="HOST:PORT", help="port 0 = any free")
        place.add_argument("--connect", metavar="HOST:PORT", help="of the gateway")
        parser.add_argument("--from-address", help="with --connect: own address")
        parser.add_argument("--fault", action="append", default=[], metavar="NAME@NUMBER",
                            help="repeatable; NUMBER of the cycle or code")
        parser.add_argument("--seconds", type=float, default=600.0, help="give up after")


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


def _open_line(options):
    from . import lines
    if options.pty:
        return lines.PtyLine(options.pty)
    if options.listen:
        return lines.TcpListenLine(*_address(options.listen))
    return lines.TcpCallLine(*_address(options.connect), options.from_address)


def _faults(options):
    """{number: fault} of the --fault options."""
    faults = {}
    for text in options.fault:
        name, _, number = text.partition("@")
        if name not in options.known_faults:
            raise ValueError(f"--fault {text}: known: {' '.join(options.known_faults)}")
        faults[int(number)] = name
    return faults


def _run_on_line(options, make):
    """Plug it in, say where, run, say what happened."""
    from .ledger import Ledger
    pathlib.Path(options.ledgers).mkdir(parents=True, exist_ok=True)
    line = _open_line(options)
    line.plug()
    print(json.dumps(line.place), flush=True)
    device = make(line, Ledger(options.ledgers, options.device))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: device.stop())
    finished = device.run(time.monotonic() + options.seconds)
    print(json.dumps({"device": options.device, "finished": finished, **device.figures}),
          flush=True)
    time.sleep(0.3)  # what is on its way arrives before the line goes
    line.close()
    return 0 if finished else 1


def _scale(options):
    from . import scales
    return _run_on_line(options, lambda line, ledger: scales.Scale(
        scales.PROTOCOLS[options.protocol](), line, ledger, options.cycles, _faults(options)))


def _line_scanner(options):
    from . import serial_scanner
    terminator = options.terminator.encode().decode("unicode_escape").encode("latin-1")
    return _run_on_line(options, lambda line, ledger: serial_scanner.LineScanner(
        line, ledger, options.count, options.rate, terminator, _faults(options),
        lambda n: f"{options.device}-{n:06d}".ljust(options.width, "x")))


def _plc(options):
    from . import plc_program
    host, port = _address(options.listen)
    if options.ledgers:
        pathlib.Path(options.ledgers).mkdir(parents=True, exist_ok=True)

    def ready(places):
        print(json.dumps(places), flush=True)

    async def until_told():
        task = asyncio.ensure_future(plc_program.run(
            options.bus, plc_program.Doors(host, port, options.rtu_listen, options.rtu_line),
            options.control_port, options.ledgers, options.interval, ready))
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
