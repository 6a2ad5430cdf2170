/*
 * bus - `twcbridge bus FILE`: a recording of a bus, decoded. SPDX-License-Identifier: MIT
 */
#include "bridge/base/err.h"
#include "bridge/base/str.h"
#include "bridge/bus_words.h"
#include "bridge/io/tape.h"
#include "bridge/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LINE_ROOM = 2 * TAPE_CHUNK_MAX + 64, RAW_SHOWN = 64 };

static const char magic[] = "# twcbridge bus 1 ";

static const char usage[] =
        "usage: twcbridge bus FILE [--json]\n"
        "Says in words what a recording of a bus holds (docs/bus.md): > what we sent, < what we\n"
        "heard. Bytes that are no message are shown as they are.\n"
        "  --json   one JSON object a line\n";

/* One direction of the line. */
struct ear {
    struct frame_decoder decoder;
    uint8_t raw[RAW_SHOWN]; /* since the last mark, for what cannot be decoded */
    size_t raw_len;
};

struct reader {
    bool json;
    int64_t offset_ms; /* wall clock minus the times of the file; INT64_MIN: not told */
    int64_t line;
    int64_t messages, broken;
    struct ear heard, sent;
};

static void print(const struct reader *r, int64_t ms, char dir, const struct buf *text)
{
    char time[STR_TIME_ROOM] = "";

    if (r->offset_ms == INT64_MIN) {
        printf("%lld.%03d  %c %s\n", (long long)(ms / 1000), (int)(ms % 1000), dir,
                buf_text(text));
        return;
    }
    str_time(time, ms + r->offset_ms);
    printf("%.19s.%03dZ  %c %s\n", time, (int)((ms + r->offset_ms) % 1000), dir,
            buf_text(text));
}

/* What both forms have: time, direction, the bytes. */
static void open_object(const struct reader *r, struct jw *w, int64_t ms, char dir)
{
    char time[STR_TIME_ROOM];

    jw_open(w, NULL);
    jw_int(w, "ms", ms);
    if (r->offset_ms != INT64_MIN) {
        str_time(time, ms + r->offset_ms);
        jw_str(w, "time", time);
    } else {
        jw_null(w, "time");
    }
    jw_str(w, "direction", dir == TAPE_SENT ? "sent" : "heard");
}

static void tell(
        struct reader *r, int64_t ms, char dir, const struct frame *f, const char *wrong)
{
    struct ear *ear = dir == TAPE_SENT ? &r->sent : &r->heard;
    CLEANUP(buf_finish) struct buf b = {0};
    char hex[2 * RAW_SHOWN + 1];
    struct message m;
    struct jw w;

    buf_init(&b, 4096);
    jw_init(&w, &b);
    if (f) {
        str_hex(hex, sizeof(hex), f->data, f->len);
        (void)!message_decode(f, &m);
        r->messages++;
    } else {
        str_hex(hex, sizeof(hex), ear->raw, ear->raw_len);
        r->broken++;
    }
    if (r->json) {
        open_object(r, &w, ms, dir);
        if (f) {
            bus_members(&m, &w);
        } else {
            jw_str(&w, "broken", wrong);
        }
        jw_str(&w, "hex", hex);
        jw_close(&w);
        puts(buf_text(&b));
        return;
    }
    if (f) {
        bus_words(&m, &b);
    } else {
        buf_addf(&b, "broken (%s): %s", wrong, hex);
    }
    print(r, ms, dir, &b);
}

static void on_byte(struct reader *r, int64_t ms, char dir, uint8_t byte)
{
    struct ear *ear = dir == TAPE_SENT ? &r->sent : &r->heard;
    struct frame f;
    enum frame_result got = frame_decode(&ear->decoder, byte, &f);

    if (byte != FRAME_MARK && ear->raw_len < RAW_SHOWN) {
        ear->raw[ear->raw_len++] = byte;
    }
    switch (got) {
    case FRAME_READY:
        tell(r, ms, dir, &f, NULL);
        break;
    case FRAME_BAD_SUM:
    case FRAME_BAD_ESCAPE:
    case FRAME_BAD_LENGTH:
    case FRAME_TOO_LONG:
        tell(r, ms, dir, NULL, frame_result_name(got));
        break;
    case FRAME_NOISE:
        if (ear->raw_len > 1) { /* a single tail byte belongs to nothing */
            tell(r, ms, dir, NULL, frame_result_name(got));
        }
        break;
    case FRAME_MORE:
    case FRAME_RESULT_COUNT:
        break;
    }
    if (byte == FRAME_MARK) {
        ear->raw_len = 0;
    }
}

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "<ms> <dir> <hex>"; false: it is not. */
static bool data_line(struct reader *r, const char *line)
{
    size_t n = strcspn(line, " ");
    int64_t ms = 0;
    char dir;

    if (!str_int(line, n, &ms) || ms < 0 || line[n] != ' ') {
        return false;
    }
    line += n + 1;
    dir = line[0];
    if ((dir != TAPE_SENT && dir != TAPE_HEARD) || line[1] != ' ') {
        return false;
    }
    line += 2;
    if (strspn(line, "0123456789abcdef") != strlen(line) || strlen(line) % 2 != 0 || !*line) {
        return false;
    }
    for (; *line != '\0'; line += 2) {
        on_byte(r, ms, dir, (uint8_t)(nibble(line[0]) << 4 | nibble(line[1])));
    }
    return true;
}

/* "# clock <ms> <utc ms>" joins the times of the file to the wall clock. */
static void comment(struct reader *r, const char *line)
{
    static const char clock[] = "# clock ";
    int64_t ms = 0, utc_ms = 0;
    size_t n;

    if (strncmp(line, clock, sizeof(clock) - 1) == 0) {
        line += sizeof(clock) - 1;
        n = strcspn(line, " ");
        if (line[n] == ' ' && str_int(line, n, &ms) &&
                str_int(line + n + 1, strlen(line + n + 1), &utc_ms) && ms >= 0 &&
                utc_ms >= ms) {
            r->offset_ms = utc_ms - ms;
        }
    } else if (!r->json) {
        puts(line);
    }
}

static int read_all(FILE *in, const char *file, bool json)
{
    struct reader r = {.json = json, .offset_ms = INT64_MIN};
    char line[LINE_ROOM];

    while (fgets(line, sizeof(line), in)) {
        size_t n = strcspn(line, "\r\n");
        bool whole = line[n] != '\0' || feof(in);

        line[n] = '\0';
        r.line++;
        if (r.line == 1 && strncmp(line, magic, sizeof(magic) - 1) != 0) {
            fprintf(stderr, "%s: is no recording of a bus\n", file);
            return err_exit_code(ERR_INVALID);
        }
        if (line[0] == '#') {
            comment(&r, line);
        } else if (!whole || !data_line(&r, line)) {
            fprintf(stderr, "%s: line %lld: is not \"MS > HEX\" or \"MS < HEX\"\n", file,
                    (long long)r.line);
            return err_exit_code(ERR_INVALID);
        }
    }
    if (ferror(in) || r.line == 0) {
        fprintf(stderr, "%s: %s\n", file, r.line == 0 ? "is empty" : strerror(errno));
        return err_exit_code(r.line == 0 ? ERR_INVALID : ERR_IO);
    }
    if (!json) {
        printf("%lld messages, %lld broken\n", (long long)r.messages, (long long)r.broken);
    }
    return fflush(stdout) == 0 ? 0 : err_exit_code(ERR_IO);
}

int verb_bus(int argc, char **argv)
{
    static const char *const options[] = {"--help", "--json", NULL};
    const char *file = NULL;
    bool json = false;
    FILE *in;
    int code;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        }
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (argv[i][0] == '-' || file) {
            return verb_refuse("bus", argv[i], options);
        } else {
            file = argv[i];
        }
    }
    if (!file) {
        fprintf(stderr, "twcbridge bus: which file?\n%s", usage);
        return err_exit_code(ERR_INVALID);
    }
    in = fopen(file, "r");
    if (!in) {
        fprintf(stderr, "%s: %s\n", file, strerror(errno));
        return err_exit_code(errno == ENOENT ? ERR_NOT_FOUND : ERR_IO);
    }
    code = read_all(in, file, json);
    fclose(in);
    return code;
}
