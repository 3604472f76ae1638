/* SPDX-License-Identifier: Apache-2.0 */
/* A throw-away PKI in a folder of its own, made by tools/pki/make-test-pki. */
#ifndef GW_TESTS_FAKES_TEST_PKI_H
#define GW_TESTS_FAKES_TEST_PKI_H

#include "firmware/base/str.h"

struct gw_test_pki {
    char folder[64];
    char path[8][160]; /* the last results of gw_test_pki_path */
    unsigned next;
};

/* Make it for gateway GW-TEST-1. `source_dir` is the root of the tree. IO. */
enum gw_err gw_test_pki_open(struct gw_test_pki *pki, const char *source_dir);
/* Remove the folder. */
void gw_test_pki_close(struct gw_test_pki *pki);
/* "<folder>/<name>"; valid until eight more were asked for. */
const char *gw_test_pki_path(struct gw_test_pki *pki, const char *name);

#endif
