/*
 * lint_tables - what Home Assistant accepts, as data. SPDX-License-Identifier: MIT
 */
#ifndef DISCOVERY_LINT_TABLES_H
#define DISCOVERY_LINT_TABLES_H

/* One line per device class of sensors (numbers share units); lists are words between blanks. */
struct lint_class {
    const char *name;
    const char *units;         /* NULL: any or none; "": none */
    const char *state_classes; /* NULL: any; "": none */
};
extern const struct lint_class lint_sensor_classes[]; /* ends with a NULL name */

struct lint_platform {
    const char *name;
    const char *required;
    const char *known;   /* beyond the common keys and the required ones */
    const char *classes; /* device classes; NULL: those of sensors; "": none */
};
extern const struct lint_platform lint_platforms[]; /* ends with a NULL name */

/* The keys that every entity takes. */
extern const char *const lint_common_keys;

/* Keys of the root, of device, origin and of an entry of availability. */
extern const char *const lint_root_keys,
        *const lint_device_keys, *const lint_origin_keys, *const lint_availability_keys;

#endif
