/*
 * bench_step CHARGERS - control steps of a bridge with that many chargers, three on a bus and
 * circuit, all charging, one request each; the draws move. Run under callgrind, which counts the
 * instructions of control_step alone; prints how many steps were counted.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "tests/support/control_rig.h"

#include <string.h>

enum { STEPS = 200, WARM_UP_S = 120, EACH = 3 };

static void spread(struct control_rig *g, int chargers)
{
    g->cfg.circuits = (chargers + EACH - 1) / EACH;
    for (int c = 0; c < g->cfg.circuits; c++) {
        g->cfg.circuit[c] =
                (struct control_circuit){.name = "c", .parent = -1, .limit_ma = 80000};
    }
    for (int i = 0; i < chargers; i++) {
        g->cfg.charger[i].circuit = i / EACH;
    }
}

int main(int argc, char **argv)
{
    static struct control_rig g;
    int64_t n = 0;
    int chargers;

    if (argc != 2 || !str_int(argv[1], strlen(argv[1]), &n) || n < 1 || n > CHARGERS_MAX) {
        (void)fprintf(stderr, "usage: bench_step CHARGERS (1 to %d)\n", CHARGERS_MAX);
        return 64;
    }
    chargers = (int)n;
    rig_init_plugged(&g, chargers, 80000);
    spread(&g, chargers);
    for (int i = 0; i < chargers; i++) {
        rig_ask_alive(&g, i, 20000 + 1000 * (i % 8));
    }
    rig_run(&g, WARM_UP_S, RIG_OBEY);
    for (int k = 0; k < STEPS; k++) {
        g.now_ms += 100;
        g.r[k % chargers].draw_ma -= k % 2 ? 100 : -100;
        g.r[k % chargers].heard_ms = g.now_ms;
        for (int i = 0; i < chargers; i++) {
            g.r[i].heard_ms = g.now_ms - 100;
        }
        rig_step(&g);
    }
    printf("%d\n", WARM_UP_S + STEPS);
    return 0;
}
