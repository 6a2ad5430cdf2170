/*
 * usual - the names that people give to their meters. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"

#include <string.h>

enum { NAME_ROOM = 32 };

/* Small letters and digits, without "power" or "watts" behind. */
static void plain(char dst[static NAME_ROOM], const char *name)
{
    static const char *const ends[] = {"power", "watts"};
    size_t n = 0;

    for (; *name && n + 1 < NAME_ROOM; name++) {
        char c = *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name;

        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            dst[n++] = c;
        }
    }
    dst[n] = '\0';
    for (unsigned i = 0; i < ARRAY_LEN(ends); i++) {
        size_t end = strlen(ends[i]);

        if (n > end && strcmp(dst + n - end, ends[i]) == 0) {
            dst[n - end] = '\0';
            return;
        }
    }
}

bool ems_usual_name(enum ems_field f, const char *name)
{
    static const char *const names[EMS_FIELDS][10] = {
            [EMS_GRID_W] = {"grid", "mains", "main", "net", "utility", "gridnet"},
            [EMS_PV_W] = {"solar", "pv", "generation", "production", "gen", "sun", "solarpv"},
            [EMS_BATTERY_W] = {"battery", "batt"},
            [EMS_SOC_PERMILLE] = {"soc", "batterysoc", "battsoc"},
            [EMS_CONSUMPTION_W] = {"use", "consumption", "house", "home", "usage", "load",
                    "totalusage", "totalconsumption"},
    };
    char word[NAME_ROOM];

    plain(word, name);
    for (unsigned i = 0; f < EMS_FIELDS && i < ARRAY_LEN(names[0]) && names[f][i]; i++) {
        if (strcmp(word, names[f][i]) == 0) {
            return true;
        }
    }
    return false;
}
