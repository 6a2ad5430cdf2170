/*
 * energy_slots - prices and forecasts of the running sources: kept over restarts, merged for the site,
 * shown. SPDX-License-Identifier: MIT
 */
#ifndef BRIDGE_ENERGY_SLOTS_H
#define BRIDGE_ENERGY_SLOTS_H

#include "bridge/base/json.h"
#include "bridge/energy.h"

/* Makes room for the lists of source i and takes what the disk has of it; its features too. False: out of
 * memory. A source that gives none needs nothing. */
bool energy_slots_open(struct daemon *d, int i, const struct store_image *image, struct err *e);
void energy_slots_close(struct energy *x);
/* The site's lists and their features: of all sources as they are now. */
void energy_slots_site(struct daemon *d);

/* What an answer said; goes to the disk where it changed anything. */
void energy_slots_take(struct daemon *d, int i, const struct ems_reports *r);

/* How long after the start of a round the next begins; wait_ms: what ems_poll says. */
int64_t energy_slots_wait_ms(
        const struct energy_source *s, bool ok, int64_t wait_ms, uint32_t random);
/* How long a start waits, since the last answer is still known. */
int64_t energy_slots_start_ms(const struct energy_source *s);

/* Whether each of its lists has a value now; else why the first has none. */
bool energy_slots_fresh(const struct energy *x, int i, const char **why);
/* Its lists, as members of the open object. */
void energy_slots_write(struct jw *w, const struct energy *x, int i);
/* The newest fetch, wall ms; 0: none. */
int64_t energy_slots_fetched_ms(const struct energy_source *s);

/* The site's price, forecast and their lists. */
void energy_slots_show(struct daemon *d);

#endif
