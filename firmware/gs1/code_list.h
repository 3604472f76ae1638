/* SPDX-License-Identifier: Apache-2.0 */
/* Code lists of ISO 3166-1, ISO 4217 and UN/ECE Recommendation 21. Private to this room. */
#ifndef GW_GS1_CODE_LIST_H
#define GW_GS1_CODE_LIST_H

#include "firmware/base/str.h"

/* Numeric country code in use (249 countries). */
bool gw_gs1_is_country(unsigned code);
/* Alpha-2 country code in use; capitals only. */
bool gw_gs1_is_country_letters(char first, char second);
/* Numeric currency code in use, funds and precious metals too. */
bool gw_gs1_is_currency(unsigned code);
/* Package type, such as "PX"; letters and digits only, one at least. */
bool gw_gs1_is_package_type(struct gw_str code);

#endif
