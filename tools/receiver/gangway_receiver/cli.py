# SPDX-License-Identifier: Apache-2.0
"""receiver serve | report | events: the command line."""
import argparse
import gc
import json
import signal
import sys
import threading

from . import completeness, database, listing
from .control import Control
from .custody import Custody
from .figures import Figures
from .script import Script
from .service import Centre, Limits, Service, tls_context


def _parser():
    parser = argparse.ArgumentParser(
        prog="receiver", description="Development middleware of the contract gangway-ingest v1.")
    commands = parser.add_subparsers(dest="command", required=True)

    serve = commands.add_parser("serve", help="receive events over mutual TLS")
    serve.add_argument("--listen", default="127.0.0.1:8443", help="HOST:PORT, port 0 = any free")
    serve.add_argument("--control-port", type=int, default=0,
                       help="plain control port on 127.0.0.1, 0 = any free")
    serve.add_argument("--cert", required=True, help="server certificate (chain), PEM")
    serve.add_argument("--key", required=True, help="its key, PEM")
    serve.add_argument("--ca", required=True, help="anchor of the gateways' certificates, PEM")
    serve.add_argument("--base", default="", help="path before /v1, e.g. /ingest")
    serve.add_argument("--token-file", help="also demand this bearer token")
    serve.add_argument("--script", help="JSON file with misbehaviour (see script.py)")
    serve.add_argument("--max-events", type=int, default=20000, help="413 above, per request")
    serve.add_argument("--max-bytes", type=int, default=16 << 20, help="413 above, decompressed")
    serve.add_argument("--results", choices=("exceptions", "all"), default="exceptions",
                       help="which events an answer names")
    serve.add_argument("--no-store-bodies", action="store_true",
                       help="keep digests only: conflicts are still found, ids cannot be listed")
    serve.add_argument("--latency-pattern",
                       help="regular expression, one group: send time in us since 1970")
    serve.set_defaults(run=_serve)

    report = commands.add_parser("report", help="is anything missing?")
    report.add_argument("--gateway", help="only this serial")
    report.add_argument("--json", action="store_true")
    report.set_defaults(run=_report)

    events = commands.add_parser("events", help="print the events held, one JSON a line")
    events.add_argument("--gateway")
    events.add_argument("--class", dest="flow_class")
    events.set_defaults(run=_events)
    for command in (serve, report, events):
        command.add_argument("--database", default="receiver.db",
                             help="SQLite file, or postgresql://... (several may share it)")
    return parser


def _serve(options):
    base = database.connect(options.database)
    steps = []
    if options.script:
        with open(options.script, encoding="utf-8") as file:
            steps = json.load(file)
    centre = Centre(base, Custody(base, not options.no_store_bodies), Script(steps),
                    Figures(options.latency_pattern),
                    Limits(options.max_events, options.max_bytes))
    centre.base = options.base.rstrip("/")
    centre.results = options.results
    if options.token_file:
        with open(options.token_file, encoding="utf-8") as file:
            centre.token = file.read().strip()
    host, _, port = options.listen.rpartition(":")
    service = Service(centre, (host, int(port)),
                      tls_context(options.cert, options.key, options.ca))
    control = Control(centre, options.control_port)

    # Batches are many small objects without cycles: collecting them often only costs.
    gc.set_threshold(200000, 20, 20)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    service.start()
    control.start()
    print(json.dumps({"url": f"https://localhost:{service.port}{centre.base}",
                      "port": service.port, "control": f"http://127.0.0.1:{control.port}"}),
          flush=True)
    ended.wait()
    service.close()
    control.close()
    base.close()
    return 0


def _report(options):
    base = database.connect(options.database)
    answers = []
    with base.snapshot() as cursor:
        for serial in completeness.gateways(cursor):
            if options.gateway in (None, serial):
                answers.append(completeness.completeness(cursor, serial))
    if options.json:
        print(json.dumps(answers, indent=1))
    else:
        for answer in answers:
            print(completeness.report(answer))
    if not answers:
        print("receiver: no such gateway is known here", file=sys.stderr)
        return 2
    verdict = completeness.worst([epoch["verdict"] for answer in answers
                                  for epoch in answer["epochs"]])
    return 0 if verdict == "complete" else 1


def _events(options):
    base = database.connect(options.database)
    with base.snapshot() as cursor:
        for item in listing.events(cursor, options.gateway, options.flow_class):
            print(json.dumps(item[-1], ensure_ascii=False))
    return 0


def main(arguments=None):
    """Entry; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (OSError, ValueError, database.Unavailable) as error:
        print(f"receiver: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0
