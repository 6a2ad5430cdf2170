/*
 * registry - lookup over the rows of adapters.def. SPDX-License-Identifier: MIT
 */
#include "adapters/adapter.h"

#include <string.h>

static const struct adapter *const table[] = {
#define ADAPTER(sym) &adapter_##sym,
#include "adapters/adapters.def"
#undef ADAPTER
};

const struct adapter *adapter_at(size_t i)
{
    return i < ARRAY_LEN(table) ? table[i] : NULL;
}

const struct adapter *adapter_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (strcmp(table[i]->name, name) == 0) {
            return table[i];
        }
    }
    return NULL;
}
