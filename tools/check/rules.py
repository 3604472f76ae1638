# SPDX-License-Identifier: Apache-2.0
"""The house rules as tables. tools/check/check.py applies them."""

# room -> rooms whose headers it may include (its own are always allowed).
# Layers: daemon folder -> feature rooms -> firmware rooms -> base.
MATRIX = {
    "firmware/base": [],
    "firmware/policy": ["firmware/base"],
    "firmware/json": ["firmware/base"],
    "firmware/crypto": ["firmware/base"],
    "firmware/store": ["firmware/base"],
    "firmware/ipc": ["firmware/base"],
    "firmware/gs1": ["firmware/base"],
    "firmware/event": ["firmware/base", "firmware/policy", "firmware/json", "firmware/crypto"],
    "firmware/intake": ["firmware/base", "firmware/policy", "firmware/event"],
    "firmware/queue": ["firmware/base", "firmware/policy", "firmware/event", "firmware/store",
                       "firmware/intake"],
    "firmware/config": ["firmware/base", "firmware/policy", "firmware/json", "firmware/crypto",
                        "firmware/event"],
    "firmware/health": ["firmware/base", "firmware/policy", "firmware/json", "firmware/crypto",
                        "firmware/event"],
    "firmware/personal": ["firmware/base", "firmware/policy", "firmware/json", "firmware/crypto",
                          "firmware/event", "firmware/intake", "firmware/config",
                          "firmware/health"],
    "drivers/profile": ["firmware/base", "firmware/policy", "firmware/event", "firmware/json",
                        "firmware/config", "firmware/gs1"],
    "drivers/mqtt": ["drivers/profile", "firmware/base", "firmware/policy", "firmware/event",
                     "firmware/intake", "firmware/config", "firmware/health", "firmware/crypto"],
    "drivers/modbus": ["drivers/profile", "firmware/base", "firmware/policy", "firmware/event",
                       "firmware/intake", "firmware/config", "firmware/health",
                       "firmware/crypto"],
    "drivers/serial": ["drivers/profile", "firmware/base", "firmware/policy", "firmware/event",
                       "firmware/intake", "firmware/config", "firmware/health"],
    "drivers/collectd": ["drivers/profile", "drivers/mqtt", "drivers/modbus", "drivers/serial", "firmware/base",
                         "firmware/personal",
                         "firmware/policy", "firmware/event", "firmware/json", "firmware/crypto",
                         "firmware/intake", "firmware/queue", "firmware/ipc", "firmware/config",
                         "firmware/health"],
    "cloud-link/peercheck": ["firmware/base"],
    "cloud-link/http": ["cloud-link/peercheck", "firmware/base"],
    "cloud-link/uplink": ["cloud-link/http", "firmware/base", "firmware/policy",
                          "firmware/event", "firmware/queue", "firmware/store",
                          "firmware/crypto", "firmware/json", "firmware/config",
                          "firmware/health", "firmware/ipc"],
    "cloud-link/linkd": ["cloud-link/uplink", "cloud-link/http", "cloud-link/peercheck",
                         "firmware/base", "firmware/policy", "firmware/event", "firmware/queue",
                         "firmware/store", "firmware/crypto", "firmware/json",
                         "firmware/config", "firmware/health", "firmware/ipc"],
}
# Tools and tests may include anything but a daemon's main.c.
FREE = ("tools/", "tests/")

# vendor header (prefix of what stands between <>) -> the one room that may include it.
VENDORS = {
    "cjson/": ["firmware/json"],
    "mbedtls/": ["firmware/crypto"],
    "psa/": ["firmware/crypto"],
    "lmdb.h": ["firmware/store"],
    "microhttpd.h": ["firmware/status"],
    "mosquitto.h": ["drivers/mqtt", "cloud-link/mqttsink"],
    "mqtt_protocol.h": ["drivers/mqtt", "cloud-link/mqttsink"],
    "modbus": ["drivers/modbus"],
    "openssl/": ["cloud-link/peercheck"],
    "curl/": ["cloud-link/http"],
    "zstd.h": ["cloud-link/http"],
}
# tests may use a vendor directly where the test plays the vendor's peer.
VENDOR_FREE = ("tests/",)

# Calls nobody makes, and what to use instead. The second column names files
# that are the one place allowed to (the replacement lives there).
BANNED = {
    "strcpy": ("gw_str_copy", []),
    "strncpy": ("gw_str_copy", []),
    "strcat": ("gw_buf_put", []),
    "strncat": ("gw_buf_put", []),
    "sprintf": ("gw_buf_printf", []),
    "vsprintf": ("gw_buf_printf", []),
    "gets": ("gw_file_read", []),
    "strtok": ("gw_str_split", []),
    "sscanf": ("gw_str_split and gw_str_to_i64", []),
    "atoi": ("gw_str_to_i64", []),
    "atol": ("gw_str_to_i64", []),
    "atof": ("decimal text", []),
    "strtol": ("gw_str_to_i64", []),
    "strtoul": ("gw_str_to_u64", []),
    "strtoll": ("gw_str_to_i64", []),
    "strtoull": ("gw_str_to_u64", []),
    "alloca": ("an arena or a fixed array", []),
    "system": ("nothing: no shell", []),
    "popen": ("nothing: no shell", []),
    "rand": ("gw_random_below", []),
    "srand": ("gw_random_bytes", []),
    "usleep": ("a deadline of the loop", []),
    "sleep": ("a deadline of the loop", []),
    "gmtime": ("gw_time_put", []),
    "localtime": ("gw_time_put", []),
}
BANNED_SCOPE = ("firmware/", "drivers/", "cloud-link/", "tools/", "tests/")
# What tests may call all the same, and why.
BANNED_BUT_IN_TESTS = {
    "rand": "a seeded sequence, the same at every run",
    "srand": "the seed of that sequence",
    "system": "a shell of the test's own: openssl, rm, cmp",
    "popen": "the same",
    "usleep": "between threads and processes of the test, where no fake clock reaches",
}

# Sizes: signs of health, so every exception has a name and a reason.
MAX_FUNCTION_LINES = 100
MAX_FILE_LINES = 800
MAX_PARAMETERS = 6
MAX_NESTING = 4  # braces inside the body: three levels of decisions
SIZE_SCOPE = ("firmware/", "drivers/", "cloud-link/", "tools/", "tests/")

# (path, function or "" for the file, what) -> reason
ALLOWED_SIZES = {
    ("firmware/event/record.c", "gw_record_encode_tombstone", "parameters"):
        "range, count and reason beside the (dst, cap, len) that every encoder has",
}
