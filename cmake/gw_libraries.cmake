# SPDX-License-Identifier: Apache-2.0
# Vendor libraries. Each is linked by exactly one room (tools/check).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(gw_vendor name package)
    pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${package})
    add_library(gw_vendor_${name} INTERFACE)
    target_link_libraries(gw_vendor_${name} INTERFACE PkgConfig::${name})
endfunction()

gw_vendor(cjson libcjson)
gw_vendor(lmdb lmdb)
gw_vendor(mosquitto libmosquitto)
gw_vendor(modbus libmodbus)
gw_vendor(curl libcurl)
gw_vendor(openssl openssl)
gw_vendor(zstd libzstd)
if(GW_TESTS)
    gw_vendor(cmocka cmocka)
endif()

# Debian 12's mbedTLS has neither a .pc file nor a CMake package.
find_path(GW_MBEDTLS_INCLUDE mbedtls/sha256.h REQUIRED)
find_library(GW_MBEDCRYPTO mbedcrypto REQUIRED)
find_library(GW_MBEDX509 mbedx509 REQUIRED)
find_library(GW_MBEDTLS mbedtls REQUIRED)
add_library(gw_vendor_mbedtls INTERFACE)
target_include_directories(gw_vendor_mbedtls SYSTEM INTERFACE ${GW_MBEDTLS_INCLUDE})
# As needed: only the program that serves TLS loads the TLS library.
target_link_libraries(gw_vendor_mbedtls INTERFACE -Wl,--push-state,--as-needed
    ${GW_MBEDTLS} ${GW_MBEDX509} ${GW_MBEDCRYPTO} -Wl,--pop-state)
