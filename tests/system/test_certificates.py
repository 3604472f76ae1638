# SPDX-License-Identifier: Apache-2.0
"""Wrong certificates: no event data leaves the gateway, an issue says why, capture goes on."""
import hashlib
import subprocess

import pytest
from rig_process import wait_until

BAD = ["expired", "not-yet-valid", "wrong-name", "wrong-ca", "cn-only", "no-eku", "wrong-eku",
       "leaf-is-ca"]


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_server_certificate_gets_no_event_data(make_rig, name):
    rig = make_rig()
    rig.server_certificate = f"bad/{name}"
    rig.start()
    rig.send(200)
    wait_until(lambda: "uplink_tls" in rig.issues("linkd"), 30, "the issue is raised")
    counters = rig.centre("/figures")["counters"]
    assert counters.get("application_bytes", 0) == 0 and counters.get("requests", 0) == 0
    assert rig.wan.bytes_up < 20000
    assert rig.backlog() >= 200
    rig.receiver.stop()
    rig.server_certificate = "server"
    rig.start_receiver()
    rig.assert_ledger_matches(90)
    wait_until(lambda: "uplink_tls" not in rig.issues("linkd"), 30, "the issue ends")


def test_an_ip_address_as_url_needs_an_ip_in_the_certificate(make_rig):
    rig = make_rig()
    rig.configure(sinks=[{**rig.configuration()["sinks"][0],
                          "url": f"https://127.0.0.1:{rig.wan.port}"}])
    rig.server_certificate = "bad/ip-as-dns"
    rig.start()
    rig.send(20)
    wait_until(lambda: "uplink_tls" in rig.issues("linkd"), 30, "the issue is raised")
    assert rig.centre_counter("application_bytes") == 0
    rig.receiver.stop()
    rig.server_certificate = "server"
    rig.start_receiver()
    rig.assert_ledger_matches(90)


@pytest.mark.parametrize("name", ["gateway-GW-1-expired", "gateway-GW-1-wrong-ca"])
def test_a_client_certificate_the_centre_refuses_stops_nothing_on_the_floor(make_rig, name):
    rig = make_rig()
    good = rig.configuration()["sinks"][0]
    rig.configure(sinks=[{**good, "cert_file": f"{rig.pki}/bad/{name}.crt",
                          "key_file": f"{rig.pki}/bad/{name}.key"}])
    rig.start()
    rig.send(100)
    wait_until(lambda: rig.issues("linkd") & {"uplink_tls", "uplink_unreachable"}, 30,
               "the issue is raised")
    assert rig.centre_counter("events_accepted") == 0
    rig.linkd.stop()
    rig.configure(sinks=[good])
    rig.linkd.start()
    rig.assert_ledger_matches(60)


def test_a_certificate_of_another_gateway_is_refused_with_403(make_rig):
    rig = make_rig()
    good = rig.configuration()["sinks"][0]
    rig.configure(sinks=[{**good, "cert_file": f"{rig.pki}/gateway-GW-2.crt",
                          "key_file": f"{rig.pki}/gateway-GW-2.key"}])
    rig.start()
    rig.send(20)
    wait_until(lambda: "uplink_stopped" in rig.issues("linkd"), 30, "the sink stops")
    assert rig.centre_counter("answers_403") >= 1
    assert rig.centre_counter("events_accepted") == 0
    rig.linkd.stop()
    rig.configure(sinks=[good])
    rig.linkd.start()
    rig.assert_ledger_matches(60)


def pin_of(certificate):
    """SHA-256 of the SubjectPublicKeyInfo, by the openssl program."""
    key = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"],
                         capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=key,
                         capture_output=True, check=True).stdout
    return hashlib.sha256(der).hexdigest()


def test_a_pin_refuses_another_key_whoever_signed_it(make_rig):
    rig = make_rig()
    sink = rig.configuration()["sinks"][0]
    rig.configure(sinks=[{**sink, "pin": pin_of(f"{rig.pki}/gateway-GW-2.crt")}])
    rig.start()
    rig.send(20)
    wait_until(lambda: "uplink_tls" in rig.issues("linkd"), 30, "the issue is raised")
    assert rig.centre_counter("application_bytes") == 0
    rig.configure(sinks=[{**sink, "pin": pin_of(f"{rig.pki}/server.crt")}])
    rig.ask_daemon("linkd", "reload")
    rig.assert_ledger_matches(60)
    wait_until(lambda: "uplink_tls" not in rig.issues("linkd"), 30, "the issue ends")
