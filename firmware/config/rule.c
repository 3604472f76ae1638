/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/config/rule.h"

#include <arpa/inet.h>

#include <string.h>

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool only(struct gw_str text, const char *besides) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\0' || !(is_digit(c) || is_letter(c) || strchr(besides, c))) {
            return false;
        }
    }
    return true;
}

static bool has_no_controls(struct gw_str text) {
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char) text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool fits_serial(struct gw_str text) {
    return only(text, "-");
}

static bool fits_name(struct gw_str text) {
    return only(text, "._-");
}

static bool fits_zone(struct gw_str text) {
    return only(text, "_+-/") && !gw_str_starts_with(text, GW_STR("/"));
}

static bool fits_address(struct gw_str text) {
    char copy[64];
    struct in6_addr address;
    return !gw_str_copy(text, copy, sizeof copy)
           && (inet_pton(AF_INET, copy, &address) == 1
               || inet_pton(AF_INET6, copy, &address) == 1);
}

/* A DNS name, an IPv4 address or an IPv6 address without brackets. "10.0.0.1:502" is none of
 * them: it would be looked up as a name for ever. */
static bool fits_host(struct gw_str text) {
    bool has_colon = gw_str_find(text, ':', 0) < text.len;
    return has_colon ? fits_address(text) : only(text, ".-_");
}

static bool fits_optional_address(struct gw_str text) {
    return text.len == 0 || fits_address(text);
}

static bool fits_usb_path(struct gw_str text) {
    return only(text, ".:-");
}

static bool fits_usb_product(struct gw_str text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (i == 4 ? c != ':' : !(is_digit(c) || (c >= 'a' && c <= 'f'))) {
            return false;
        }
    }
    return text.len == 0 || text.len == 9;
}

static bool fits_file(struct gw_str text) {
    return gw_str_starts_with(text, GW_STR("/")) && !gw_str_ends_with(text, GW_STR("/"))
           && has_no_controls(text);
}

static bool fits_optional_file(struct gw_str text) {
    return text.len == 0 || fits_file(text);
}

static bool fits_topic_filter(struct gw_str text) {
    struct gw_str rest = text;
    struct gw_str level;
    bool is_last = false;
    while (gw_str_split(&rest, '/', &level)) {
        bool has_wildcard =
            gw_str_find(level, '#', 0) < level.len || gw_str_find(level, '+', 0) < level.len;
        if (is_last || (has_wildcard && level.len != 1)) {
            return false;
        }
        is_last = gw_str_eq(level, GW_STR("#"));
    }
    return gw_str_is_utf8(text) && has_no_controls(text)
           && !gw_str_starts_with(text, GW_STR("$share/"));
}

/* RFC 6901: "" or "/" tokens with "~0" and "~1" as the only escapes. */
static bool fits_pointer(struct gw_str text) {
    if (text.len > 0 && text.ptr[0] != '/') {
        return false;
    }
    for (size_t at = gw_str_find(text, '~', 0); at < text.len;
         at = gw_str_find(text, '~', at + 1)) {
        char next = at + 1 < text.len ? text.ptr[at + 1] : '\0';
        if (next != '0' && next != '1') {
            return false;
        }
    }
    return has_no_controls(text);
}

static bool fits_port(struct gw_str text) {
    uint64_t port = 0;
    return !gw_str_to_u64(text, 65535, &port) && port > 0;
}

/* Host and port of a URL: "name", "name:1", "[::1]:1". */
static bool fits_authority(struct gw_str text) {
    size_t host_end = gw_str_find(text, ':', 0);
    struct gw_str host = gw_str_sub(text, 0, host_end);
    if (gw_str_starts_with(text, GW_STR("["))) {
        host_end = gw_str_find(text, ']', 0) + 1;
        if (host_end > text.len) {
            return false;
        }
        host = gw_str_sub(text, 1, host_end - 2);
        if (!only(host, ".:")) {
            return false;
        }
    } else if (!only(host, ".-_")) {
        return false;
    }
    struct gw_str rest = gw_str_sub(text, host_end, text.len);
    return host.len > 0
           && (rest.len == 0
               || (rest.ptr[0] == ':' && fits_port(gw_str_sub(rest, 1, rest.len))));
}

static bool fits_https(struct gw_str text) {
    const struct gw_str scheme = GW_STR("https://");
    if (!gw_str_starts_with(text, scheme) || gw_str_ends_with(text, GW_STR("/"))) {
        return false;
    }
    struct gw_str rest = gw_str_sub(text, scheme.len, text.len);
    size_t path_at = gw_str_find(rest, '/', 0);
    return fits_authority(gw_str_sub(rest, 0, path_at))
           && only(gw_str_sub(rest, path_at, rest.len), "/-._~%");
}

/* The port must be named: libcurl's 1080 is nobody's HTTP proxy. */
static bool fits_optional_proxy(struct gw_str text) {
    const struct gw_str scheme = GW_STR("http://");
    if (text.len == 0) {
        return true;
    }
    struct gw_str authority = gw_str_sub(text, scheme.len, text.len);
    bool has_port = gw_str_starts_with(authority, GW_STR("["))
                        ? gw_str_find(authority, ']', 0) + 1 < authority.len
                        : gw_str_find(authority, ':', 0) < authority.len;
    return gw_str_starts_with(text, scheme) && has_port && fits_authority(authority);
}

#define PIN_DIGITS 64

static bool fits_optional_pin(struct gw_str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.ptr[i]) && !(text.ptr[i] >= 'a' && text.ptr[i] <= 'f')) {
            return false;
        }
    }
    return text.len == 0 || text.len == PIN_DIGITS;
}

static size_t count_digits(struct gw_str text, size_t from) {
    size_t at = from;
    while (at < text.len && is_digit(text.ptr[at])) {
        at++;
    }
    return at - from;
}

static bool is_unsigned_decimal(struct gw_str text) {
    size_t whole = count_digits(text, 0);
    if (whole == 0 || whole == text.len) {
        return whole > 0;
    }
    size_t part = count_digits(text, whole + 1);
    return text.ptr[whole] == '.' && part > 0 && whole + 1 + part == text.len;
}

static bool has_nonzero_digit(struct gw_str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] >= '1' && text.ptr[i] <= '9') {
            return true;
        }
    }
    return false;
}

static bool is_decimal(struct gw_str text) {
    return is_unsigned_decimal(
        gw_str_sub(text, gw_str_starts_with(text, GW_STR("-")) ? 1 : 0, text.len));
}

static bool fits_factor(struct gw_str text) {
    return is_decimal(text) && has_nonzero_digit(text);
}

static bool fits_dead_band(struct gw_str text) {
    return is_unsigned_decimal(
        gw_str_ends_with(text, GW_STR("%")) ? gw_str_sub(text, 0, text.len - 1) : text);
}

static bool is_bit_pattern(struct gw_str text) {
    struct gw_str digits = gw_str_sub(text, 2, SIZE_MAX);
    uint8_t bytes[8];
    return gw_str_starts_with(text, GW_STR("0x")) && digits.len > 0
           && digits.len <= 2 * sizeof bytes && digits.len % 4 == 0
           && gw_hex_parse(digits, bytes, digits.len / 2) == GW_OK;
}

static bool fits_bit_patterns(struct gw_str text) {
    struct gw_str part;
    bool fits = true, is_none = text.len == 0;
    while (fits && !is_none && gw_str_split(&text, ',', &part)) {
        fits = is_bit_pattern(part);
    }
    return fits;
}

static bool fits_optional_decimal(struct gw_str text) {
    return text.len == 0 || is_decimal(text);
}

#define FILE_PATTERN "/[^\\u0000-\\u001f\\u007f]*[^/\\u0000-\\u001f\\u007f]"

const struct gw_config_rule gw_rule_utf8 = {has_no_controls, "no control characters",
                                            "^[^\\u0000-\\u001f\\u007f]*$"};
const struct gw_config_rule gw_rule_serial = {fits_serial, "letters, digits and '-'",
                                              "^[A-Za-z0-9-]*$"};
const struct gw_config_rule gw_rule_name = {fits_name, "letters, digits, '.', '_' and '-'",
                                            "^[A-Za-z0-9._-]*$"};
const struct gw_config_rule gw_rule_zone = {
    fits_zone, "an IANA zone name such as Europe/Berlin", "^[A-Za-z0-9_+-][A-Za-z0-9_+/-]*$"};
const struct gw_config_rule gw_rule_host = {
    fits_host, "a host name or an IP address without brackets and without a port",
    "^([A-Za-z0-9._-]*|[0-9A-Fa-f.]*(:[0-9A-Fa-f.]*){2,8})$"};
const struct gw_config_rule gw_rule_address = {fits_address, "an IPv4 or IPv6 address",
                                               "^[0-9A-Fa-f.:]*$"};
const struct gw_config_rule gw_rule_optional_address = {
    fits_optional_address, "an IPv4 or IPv6 address, or empty", "^[0-9A-Fa-f.:]*$"};
const struct gw_config_rule gw_rule_usb_path = {
    fits_usb_path, "a USB socket such as 1-1.4, or empty for any", "^[A-Za-z0-9.:-]*$"};
const struct gw_config_rule gw_rule_usb_product = {
    fits_usb_product, "vendor:product in lower-case hexadecimal such as 05e0:1200, or empty",
    "^([0-9a-f]{4}:[0-9a-f]{4})?$"};
const struct gw_config_rule gw_rule_folder = {
    fits_file, "an absolute path without '/' at its end", "^" FILE_PATTERN "$"};
const struct gw_config_rule gw_rule_file = {fits_file, "an absolute path of a file",
                                            "^" FILE_PATTERN "$"};
const struct gw_config_rule gw_rule_optional_file = {
    fits_optional_file, "an absolute path of a file, or empty for none",
    "^(" FILE_PATTERN ")?$"};
const struct gw_config_rule gw_rule_topic_filter = {
    fits_topic_filter,
    "an MQTT topic filter: '+' and '#' only as whole levels, '#' only at the end, not shared",
    "^([^+#/]*|\\+)(/([^+#/]*|\\+))*(/#)?$|^#$"};
const struct gw_config_rule gw_rule_pointer = {
    fits_pointer, "a JSON pointer such as /data/code (RFC 6901), or empty for none",
    "^(/([^~/\\u0000-\\u001f\\u007f]|~[01])*)*$"};
const struct gw_config_rule gw_rule_https = {
    fits_https, "https://host[:port][/path] without '/' at its end, user, query or fragment",
    "^https://([A-Za-z0-9._-]+|\\[[A-Fa-f0-9.:]+\\])(:[0-9]+)?(/[A-Za-z0-9._~%-]+)*$"};
const struct gw_config_rule gw_rule_optional_proxy = {
    fits_optional_proxy, "http://host:port without user or path, or empty for none",
    "^(http://([A-Za-z0-9._-]+|\\[[A-Fa-f0-9.:]+\\]):[0-9]+)?$"};
const struct gw_config_rule gw_rule_optional_pin = {
    fits_optional_pin, "64 lower-case hexadecimal digits, or empty for none",
    "^([0-9a-f]{64})?$"};
const struct gw_config_rule gw_rule_factor = {
    fits_factor, "a decimal factor such as \"0.1\" that is not 0", "^-?[0-9]+(\\.[0-9]+)?$"};
const struct gw_config_rule gw_rule_decimal = {is_decimal, "a decimal number such as \"-0.5\"",
                                               "^-?[0-9]+(\\.[0-9]+)?$"};
const struct gw_config_rule gw_rule_dead_band = {
    fits_dead_band, "a decimal number without sign such as \"0.5\", or \"2%\"",
    "^[0-9]+(\\.[0-9]+)?%?$"};
#define BITS_PATTERN "0x([0-9A-Fa-f]{4}){1,4}"
const struct gw_config_rule gw_rule_bit_patterns = {
    fits_bit_patterns,
    "0x and four hexadecimal digits for each register such as 0x8000, several with commas "
    "between them",
    "^(" BITS_PATTERN "(," BITS_PATTERN ")*)?$"};
const struct gw_config_rule gw_rule_optional_decimal = {
    fits_optional_decimal, "a decimal number such as \"-0.5\", or empty for none",
    "^(-?[0-9]+(\\.[0-9]+)?)?$"};

bool gw_config_filter_covers(struct gw_str outer, struct gw_str inner) {
    struct gw_str outer_level;
    struct gw_str inner_level;
    /* Section 4.7.2: wildcards at the start do not match topics with '$'. */
    if (gw_str_starts_with(inner, GW_STR("$")) && !gw_str_starts_with(outer, GW_STR("$"))) {
        return false;
    }
    while (gw_str_split(&outer, '/', &outer_level)) {
        if (gw_str_eq(outer_level, GW_STR("#"))) {
            return true;
        }
        if (!gw_str_split(&inner, '/', &inner_level)) {
            return false;
        }
        bool is_covered =
            gw_str_eq(outer_level, inner_level)
            || (gw_str_eq(outer_level, GW_STR("+")) && !gw_str_eq(inner_level, GW_STR("#")));
        if (!is_covered) {
            return false;
        }
    }
    return !gw_str_split(&inner, '/', &inner_level);
}
