/*
 * reload - reading the settings file, at start, on SIGHUP, and when a broken one was repaired.
 *
 * Safe mode: a broken file never ends the process. It runs on the last good copy in the store;
 * with none it opens no port. The file is looked at every 2 s until it is good again.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/log.h"
#include "bridge/base/str.h"
#include "bridge/daemon.h"
#include "bridge/io/loop.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int64_t mtime_ms(const char *file)
{
    struct stat st;

    return stat(file, &st) == 0
                   ? (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000
                   : 0;
}

/* Reads and checks the file; false: *why holds the first sentence, all were logged. */
static bool read_good(
        struct daemon *d, struct settings *out, char **text, char *why, size_t room)
{
    struct opt_errors *errs = calloc(2, sizeof(*errs));
    struct err e = {0};
    size_t len = 0;
    bool ok = false;

    *text = NULL;
    if (!errs) {
        str_copy(why, room, "out of memory");
        return false;
    }
    d->file_mtime_ms = mtime_ms(d->file);
    if (settings_read(d->file, text, &len, &e) != ERR_OK) {
        str_copy(why, room, e.text);
        log_error("settings", "%s", e.text);
        goto out;
    }
    settings_parse(*text, len, out, &errs[0], &errs[1]);
    for (int i = 0; i < errs[0].count && i < OPT_ERRORS_MAX; i++) {
        log_error("settings", "%s: %s", d->file, errs[0].text[i]);
    }
    for (int i = 0; i < errs[1].count && i < OPT_ERRORS_MAX; i++) {
        log_warning("settings", "%s: %s", d->file, errs[1].text[i]);
    }
    ok = errs[0].count == 0;
    if (!ok) {
        str_copy(why, room, errs[0].text[0]);
    }
out:
    if (!ok) {
        free(*text);
        *text = NULL;
    }
    free(errs);
    return ok;
}

void settings_fall_back(struct daemon *d, const struct store_image *image)
{
    static const char nothing[] = "{}";
    const char *text = image->good_settings ? image->good_settings : nothing;
    struct opt_errors *errs = calloc(2, sizeof(*errs));

    if (!errs) {
        return;
    }
    settings_parse(text, strlen(text), &d->settings, &errs[0], &errs[1]);
    if (errs[0].count > 0) {
        text = nothing;
        memset(errs, 0, 2 * sizeof(*errs));
        settings_parse(text, strlen(text), &d->settings, &errs[0], &errs[1]);
    }
    free(errs);
    log_error("settings", "safe mode: running on %s until %s is repaired",
            text == nothing ? "no settings: no port is opened" : "the last good copy", d->file);
    if (text == nothing) {
        log_error("settings",
                "no good copy was found in %s; if the state of the last good run lies "
                "elsewhere, start with --state DIR",
                d->state_dir);
    }
}

bool settings_load(struct daemon *d, char **text)
{
    d->safe_mode = !read_good(d, &d->settings, text, d->safe_why, sizeof(d->safe_why));
    return !d->safe_mode;
}

/* Applies what can change live; what needs a restart is named and waits. */
static void apply(struct daemon *d, struct settings *new, char *text)
{
    const char *restart = settings_restart_reason(&d->settings, new);
    struct run_file before = {0};
    int32_t level = d->settings.log.level;

    if (restart) {
        str_copy(d->restart_why, sizeof(d->restart_why), restart);
        log_warning("settings", "%s changed: this takes effect after a restart", restart);
    }
    run_file_note(d, &before);
    settings_merge_live(&d->settings, new);
    energy_reload(d, new);
    free(d->settings_text);
    d->settings_text = text;
    if (d->settings.log.level != level) { /* else what was set at run time goes on */
        log_set_level((enum log_level)d->settings.log.level);
        d->log_until_ms = 0;
    }
    d->host.publish_interval_s = d->settings.publish.interval_s;
    units_settings(d);
    run_file_changed(d, &before);
    for (int i = 0; i < d->settings.circuit_count; i++) {
        struct model_device *m = &d->model.device[d->circuit_device[i]];

        m->max_ma = d->settings.circuit[i].effective_limit_ma / 1000 * 1000;
        m->features &= ~(uint32_t)FEATURE_METER; /* it stays a device once it was one */
        m->features |=
                circuit_meter_source(&d->settings, i) >= 0 ? FEATURE_DEVICE | FEATURE_METER : 0;
        model_touch(&d->model, d->circuit_device[i]);
    }
    daemon_site_max(d);
    step_config(d);
    step_run(d);
    daemon_keep(d);
    if (d->store && !restart) {
        store_put_good_settings(d->store, text);
    }
    event_emit(d, -1, "settings_changed", "%s", "");
    log_notice("settings", "%s is in force", d->file);
}

void settings_reload(struct daemon *d)
{
    struct settings *new = calloc(1, sizeof(*new));
    char *text = NULL;
    char why[240];

    if (!new) {
        return;
    }
    if (!read_good(d, new, &text, why, sizeof(why))) {
        log_error("settings", "the settings in force stay: %s", why);
        event_emit(d, -1, "problem", ",\"message\":\"the settings file is broken\"");
    } else if (d->safe_mode) {
        log_notice("settings", "%s is good again: starting anew with it", d->file);
        free(text);
        d->again = true;
        daemon_stop(d, 0, "the settings were repaired");
    } else {
        apply(d, new, text);
    }
    free(new);
}

/* Safe mode: has the file changed since we read it? */
void settings_watch(void *user)
{
    struct daemon *d = user;

    if (d->safe_mode && mtime_ms(d->file) != d->file_mtime_ms) {
        settings_reload(d);
    }
    if (!d->stopping) {
        oneshot_start(d->watch_file, 2000);
    }
}
