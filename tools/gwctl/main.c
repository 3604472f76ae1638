/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/gwctl/gwctl.h"

int main(int argc, char **argv) {
    return gw_gwctl_run(argc, argv, stdout, stderr);
}
