/*
 * store_private - what the files store*.c share. Nobody else includes it.
 * SPDX-License-Identifier: MIT
 */
#ifndef STORE_PRIVATE_H
#define STORE_PRIVATE_H

#include "bridge/store/store.h"

#include <sqlite3.h>

enum store_op_kind {
    STORE_CHARGER,
    STORE_SETTING,
    STORE_LEASE,
    STORE_DROP_LEASE,
    STORE_DECISION,
    STORE_EVENT,
    STORE_EVENTS_SENT,
    STORE_GOOD_SETTINGS,
    STORE_TEXT, /* row.text: the key, NUL, the text */
};

/* One row under way; owned by whoever holds the list. */
struct store_op {
    struct store_op *next;
    enum store_op_kind kind;
    store_ack_fn *ack; /* NULL: nobody waits */
    void *user;
    int64_t utc_ms;
    char charger[48]; /* of a decision */
    uint32_t lease_id;
    union {
        struct store_charger charger;
        struct store_setting setting;
        struct store_lease lease;
        struct decision decision;
        struct store_event event;
        char *text; /* owned */
    } row;
};

/* store_load.c: worker's or main thread, never both at once. */
/* Opens, migrates; NULL: e says why. A damaged file is set aside: e says so, with code OK. */
sqlite3 *store_database(const char *path, struct err *e);
/* ERR_REFUSED: made by a newer version of the program. */
enum err_code store_check_version(sqlite3 *db, const char *path, struct err *e);
enum err_code store_read(sqlite3 *db, struct store_image *image, struct err *e);
/* Reads a store whose folder cannot be written, as far as it was folded in; else leaves image empty. */
void store_read_only(const char *path, struct store_image *image);
/* For those who only look, also while a bridge writes; NULL and a sentence (ERR_NOT_FOUND, ERR_REFUSED:
 * newer or no database, ERR_IO). */
sqlite3 *store_reader(const char *path, struct err *e);
void store_boot_id(char dst[static 40]);

/* store_write.c: one transaction over the list. keep: what is older goes too; NULL: not now. */
enum err_code store_write(
        sqlite3 *db, const struct store_op *list, const struct store_keep *keep, struct err *e);

/* store_later.c */
struct worker;
bool store_post_backup(struct worker *w, const char *dir, store_file_fn *fn, void *user);
bool store_post_recording(struct worker *w, const char *dir, const struct store_recording *r);

#endif
