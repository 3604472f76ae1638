/* SPDX-License-Identifier: Apache-2.0 */
/* What libcurl reports, in the words of transport.h. */
#ifndef GW_CLOUD_LINK_FAULT_H
#define GW_CLOUD_LINK_FAULT_H

#include <curl/curl.h>

#include "cloud-link/http/transport.h"

/* `text` is libcurl's error text: with TLS 1.3 a server that refuses our
 * certificate says so only by an alert after the handshake. */
enum gw_http_fault gw_http_fault_of(CURLcode code, const char *text);

#endif
