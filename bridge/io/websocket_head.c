/*
 * websocket_head - the hand-shake of a WebSocket (RFC 6455, section 4). SPDX-License-Identifier: MIT
 */
#include "bridge/io/websocket_head.h"

#include "bridge/base/str.h"

#include <string.h>
#include <sys/random.h>

#include <openssl/evp.h>

enum { KEY_BYTES = 16, SHA1_BYTES = 20, LOGIN_ROOM = 400 };

static bool given(const char *s)
{
    return s && s[0] != '\0';
}

static bool make_key(struct websocket_head *h, char key[static WEBSOCKET_KEY_ROOM])
{
    unsigned char random[KEY_BYTES], sum[SHA1_BYTES];
    unsigned n = sizeof(sum);
    char both[WEBSOCKET_KEY_ROOM + 40];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        return false;
    }
    (void)EVP_EncodeBlock((unsigned char *)key, random, sizeof(random));
    (void)str_format(both, sizeof(both), "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    if (EVP_Digest(both, strlen(both), sum, &n, EVP_sha1(), NULL) != 1) {
        return false;
    }
    (void)EVP_EncodeBlock((unsigned char *)h->accept, sum, (int)n);
    return true;
}

/* http://host/path of ws://host/path, and "host" from it. */
static bool set_url(struct websocket_head *h, const char *url, const char **path)
{
    const char *p = strstr(url, "://");
    bool tls, ok;
    size_t n;

    if (!p) {
        return false;
    }
    tls = p[-1] == 's' && (p - url == 3 || p - url == 5);
    ok = str_format(
            h->url, sizeof(h->url), "http%s%.*s", tls ? "s" : "", (int)strcspn(p, "#"), p);
    p = strstr(h->url, "://");
    p = p ? p + 3 : h->url;
    n = strcspn(p, "/?#");
    *path = p + n;
    return ok && str_format(h->host, sizeof(h->host), "%.*s", (int)n, p) && n > 0 &&
           !strpbrk(h->url, " \r\n\t");
}

static void add_escaped(struct buf *out, const char *s)
{
    for (; *s; s++) {
        bool plain = (*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'z') ||
                     (*s >= 'A' && *s <= 'Z') || strchr("-._~", *s);

        if (plain) {
            buf_addc(out, *s);
        } else {
            buf_addf(out, "%%%02X", (unsigned char)*s);
        }
    }
}

static bool add_basic(struct buf *out, const struct http_request *r)
{
    char login[LOGIN_ROOM];
    unsigned char text[LOGIN_ROOM * 4 / 3 + 4];

    if (!str_format(login, sizeof(login), "%s:%s", given(r->username) ? r->username : "",
                given(r->password) ? r->password : "")) {
        return false;
    }
    (void)EVP_EncodeBlock(text, (const unsigned char *)login, (int)strlen(login));
    buf_addf(out, "Authorization: Basic %s\r\n", (const char *)text);
    return true;
}

static bool one_line(const char *s)
{
    return !s || !strpbrk(s, "\r\n");
}

static bool add_login(struct buf *out, const struct http_request *r)
{
    switch (r->auth) {
    case HTTP_AUTH_NONE:
    case HTTP_AUTH_QUERY:
        return true;
    case HTTP_AUTH_BASIC:
        return add_basic(out, r);
    case HTTP_AUTH_BEARER:
        buf_addf(out, "Authorization: Bearer %s\r\n", r->token);
        return one_line(r->token);
    case HTTP_AUTH_HEADER:
        buf_addf(out, "%s: %s\r\n", r->auth_name, r->token);
        return one_line(r->token) && one_line(r->auth_name);
    case HTTP_AUTH_DIGEST:
        break;
    }
    return false;
}

enum err_code websocket_head_write(
        struct websocket_head *h, const struct http_request *r, struct buf *out, struct err *e)
{
    char key[WEBSOCKET_KEY_ROOM];
    const char *path = "";
    bool ok = true;

    if (!set_url(h, r->url, &path)) {
        return err_set(
                e, ERR_INVALID, "the address is none of ws://, wss://, http://, https://");
    }
    if (r->auth == HTTP_AUTH_DIGEST) {
        return err_set(e, ERR_INVALID, "%s: a WebSocket has no digest login", h->host);
    }
    if (!make_key(h, key)) {
        return err_set(e, ERR_NO_MEMORY, "%s: no random numbers", h->host);
    }
    buf_addf(out, "GET %s%s", *path == '/' ? "" : "/", path);
    if (r->auth == HTTP_AUTH_QUERY) {
        buf_addf(out, "%c%s=", strchr(path, '?') ? '&' : '?', r->auth_name);
        add_escaped(out, r->token);
    }
    buf_addf(out,
            " HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n"
            "User-Agent: twcbridge/" TWCBRIDGE_VERSION "\r\n",
            h->host, key);
    for (int i = 0; r->headers && r->headers[i]; i++) {
        buf_addf(out, "%s\r\n", r->headers[i]);
        ok = ok && one_line(r->headers[i]);
    }
    ok = ok && add_login(out, r);
    buf_adds(out, "\r\n");
    if (!ok || !buf_ok(out)) {
        return err_set(e, ERR_INVALID, "%s: the request cannot be made", h->host);
    }
    return ERR_OK;
}

/* ---- the answer ---- */

size_t websocket_head_length(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");

    return end ? (size_t)(end - text) + 4 : 0;
}

/* The value of a header; "" where it is not there. */
static void header(const char *text, const char *name, char *dst, size_t room)
{
    const char *line = text;

    dst[0] = '\0';
    while ((line = strstr(line, "\r\n")) != NULL && line[2] != '\r') {
        char found[64];

        line += 2;
        (void)str_format(found, sizeof(found), "%.*s", (int)strcspn(line, ":\r\n"), line);
        if (str_iequal(found, name)) {
            line += strcspn(line, ":\r\n");
            line += *line == ':';
            line += strspn(line, " \t");
            (void)str_format(dst, room, "%.*s", (int)strcspn(line, "\r\n"), line);
            for (size_t n = strlen(dst); n > 0 && (dst[n - 1] == ' ' || dst[n - 1] == '\t');) {
                dst[--n] = '\0';
            }
            return;
        }
    }
}

const char *websocket_head_read(const struct websocket_head *h, const char *text, int *status)
{
    char value[64];
    int64_t number = 0;

    *status = 0;
    if (strncmp(text, "HTTP/1.", 7) != 0 || strlen(text) < 12 ||
            !str_int(text + 9, 3, &number) || number < 100) {
        return "does not answer as a web server does";
    }
    *status = (int)number;
    if (*status != 101) {
        return NULL;
    }
    header(text, "Upgrade", value, sizeof(value));
    if (!str_iequal(value, "websocket")) {
        return "does not speak WebSocket at this address";
    }
    header(text, "Sec-WebSocket-Accept", value, sizeof(value));
    if (strcmp(value, h->accept) != 0) {
        return "does not speak WebSocket at this address (its accept is wrong)";
    }
    header(text, "Sec-WebSocket-Extensions", value, sizeof(value));
    return value[0] != '\0' ? "wants an extension that was not offered" : NULL;
}

int32_t websocket_head_wait(const char *text)
{
    char value[16];
    int64_t s = 0;

    header(text, "Retry-After", value, sizeof(value));
    return str_int(value, strlen(value), &s) && s >= 0 && s <= INT32_MAX ? (int32_t)s : -1;
}
