# SPDX-License-Identifier: Apache-2.0
"""The development middleware of the contract gangway-ingest v1.

It is the centre's word in every test: written from the contract's text and not
from the gateway's code, so that an error in one of them cannot hide in both.

    wire        HTTP/1.1 over a socket
    strictjson  JSON from strangers
    contract    names, id layout, digest: the contract's facts
    batch       request -> checked batch
    intervals   sets of sequence ranges
    database    SQLite or PostgreSQL
    custody     what was taken: de-duplication and verdicts, durable
    completeness  complete, missing, tail unknown, conflict
    listing     the events held, for comparing with ledgers
    script      misbehaviour on request
    figures     statistics
    service     the HTTPS side; control: the plain side for tests; cli: main
"""
