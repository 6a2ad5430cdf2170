/*
 * simulate_options - the command line of `twcbridge simulate`. SPDX-License-Identifier: MIT
 */
#include "adapters/charger/virtual/wire_keys.h"
#include "bridge/base/str.h"
#include "bridge/simulate.h"

#include <string.h>

static const struct {
    const char *name, *what;
    size_t offset;
    int64_t min, max, scale;
} numbers[] = {
        {"--chargers", "how many, 1 to 8 (a real bus has at most 3)",
                offsetof(struct simulate_options, chargers), 1, SIM_CHARGERS_MAX, 1},
        {"--protocol", "1 or 2 (default 2)", offsetof(struct simulate_options, protocol), 1, 2,
                1},
        {"--idle-current", "A shown when nothing flows, 0 to 0.99 (default 0)",
                offsetof(struct simulate_options, idle_ma), 0, 990, 1000},
        {"--seed", "for ids, signs and timing (default 1)",
                offsetof(struct simulate_options, seed), 0, INT32_MAX, 1},
        {"--max-a", "hardware maximum, 6 to 80 (default 32)",
                offsetof(struct simulate_options, max_ma), 6000, MA_MAX, 1000},
        {"--phases", "of the cars, 1 or 3 (default 3)",
                offsetof(struct simulate_options, phases), 1, 3, 1},
        {"--volts", "of a phase, 100 to 277 (default 230)",
                offsetof(struct simulate_options, volts), 100, 277, 1},
};

static void list_keys(FILE *to, const char *command, const struct wire_key *k)
{
    fprintf(to, "\n%s:\n", command);
    for (; k->key; k++) {
        fprintf(to, "  %-11s %s (usually %s)\n              %s\n", k->key, k->allowed, k->usual,
                k->what);
    }
}

int simulate_usage(FILE *to, int code)
{
    fputs("usage: twcbridge simulate --chargers N (--link PATH | --tcp HOST:PORT) [options]\n"
          "Virtual Tesla Wall Connectors (slaves, rotary switch F) for any master, at 9600 baud "
          "pace.\n\n"
          "  --link PATH        a pty; PATH becomes a symlink to it\n"
          "  --tcp HOST:PORT    one master at a time, raw bytes\n"
          "  --control SOCKET   a unix socket that takes the lines below; one JSON line back\n"
          "  --script FILE      what goes wrong and when: lines of a time and a line as below\n"
          "  --log FILE         one JSON line for each frame and fault\n"
          "  --plugged          a car is plugged in from the start\n"
          "  --old-firmware     protocol 2 before 4.5.3: no VIN, no plug state\n"
          "  --id HEX           id of the first charger, the others count on\n",
            to);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        fprintf(to, "  %-18s %s\n", numbers[i].name, numbers[i].what);
    }
    fputs("\nlines (ID: four hex digits, or 1 for the first charger):\n", to);
    for (const struct wire_help *h = wire_commands; h->name; h++) {
        fprintf(to, "  %-9s %-20s %s\n", h->name, h->args, h->what);
    }
    list_keys(to, "keys of car", wire_car_keys);
    list_keys(to, "keys of unit", wire_unit_keys);
    list_keys(to, "keys of fault", wire_fault_keys);
    list_keys(to, "keys of master", wire_master_keys);
    fputs("\na script:\n"
          "  # comment\n"
          "  seed 7               unless --seed is given\n"
          "  start master         times count from the first frame of a master\n"
          "  10 fault noise=20    seconds, a line\n"
          "  20..60/5 reboot 1    from 20 to 60, every 5\n"
          "  90 repeat 3          from 0 again, three times; then on\n"
          "  100 exit\n",
            to);
    return code;
}

static int bad(const char *option, const char *why)
{
    fprintf(stderr, "twcbridge simulate: %s %s\n", option, why);
    return 64;
}

/* 0: taken; else the exit code. */
static int take_number(
        struct simulate_options *o, const char *name, const char *value, bool *mine)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        int64_t v = 0;

        if (strcmp(numbers[i].name, name) != 0) {
            continue;
        }
        *mine = true;
        if (!value || !str_scaled(value, strlen(value), numbers[i].scale, &v) ||
                v < numbers[i].min || v > numbers[i].max ||
                (numbers[i].offset == offsetof(struct simulate_options, phases) && v == 2)) {
            return bad(name, numbers[i].what);
        }
        memcpy((char *)o + numbers[i].offset, &v, sizeof(v));
        return 0;
    }
    return 0;
}

static int take_id(struct simulate_options *o, const char *value)
{
    unsigned v = 0;

    if (!value || strlen(value) != 4 || strspn(value, "0123456789abcdefABCDEF") != 4 ||
            sscanf(value, "%4x", &v) != 1 || v == 0) {
        return bad("--id", "wants 4 hex digits");
    }
    o->id = v;
    return 0;
}

/* An option with a path or a place; false: it is none. */
static bool take_text(struct simulate_options *o, const char *name, const char *value)
{
    const struct {
        const char *name, **to;
    } texts[] = {{"--link", &o->link}, {"--tcp", &o->tcp}, {"--control", &o->control},
            {"--script", &o->script}, {"--log", &o->log}};

    for (size_t i = 0; value && i < ARRAY_LEN(texts); i++) {
        if (strcmp(texts[i].name, name) == 0) {
            *texts[i].to = value;
            return true;
        }
    }
    return false;
}

static int check(const struct simulate_options *o)
{
    if (o->chargers == 0) {
        return bad("--chargers", "is missing: how many, 1 to 8");
    }
    if (o->id + o->chargers > 0x10000) {
        return bad("--id", "leaves no room for that many chargers: ids end at ffff");
    }
    if (!o->link == !o->tcp) {
        return bad("--link or --tcp", "is wanted, one of them");
    }
    return 0;
}

int simulate_parse(int argc, char **argv, struct simulate_options *o)
{
    for (int i = 0; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        bool number = false;
        int code = take_number(o, argv[i], value, &number);

        if (code != 0) {
            return code;
        }
        o->seeded = o->seeded || strcmp(argv[i], "--seed") == 0;
        if (number || take_text(o, argv[i], value)) {
            i++;
        } else if (strcmp(argv[i], "--plugged") == 0) {
            o->plugged = true;
        } else if (strcmp(argv[i], "--old-firmware") == 0) {
            o->old_firmware = true;
        } else if (strcmp(argv[i], "--id") == 0) {
            code = take_id(o, argv[++i < argc ? i : argc - 1]);
        } else {
            fprintf(stderr, "twcbridge simulate: %s is not understood\n", argv[i]);
            return simulate_usage(stderr, 64);
        }
        if (code != 0) {
            return code;
        }
    }
    return check(o);
}
