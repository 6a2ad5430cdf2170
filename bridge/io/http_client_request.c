/*
 * http_client_request - a request as options of libcurl, and its codes as sentences.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/io/http_client_impl.h"

#include <string.h>

enum { CONNECT_SHARE = 2, CONNECT_MIN_MS = 3000, HEADER_ROOM = 2400 };

/* Every option is set each time: the handle is kept for what it knows of a digest's nonce, and a
 * reset would forget that. */
#define SET(option, value) \
    (ok = ok && http_api.easy_setopt(call->easy, CURLOPT_##option, (value)) == CURLE_OK)

static bool streams(struct http_call *call)
{
    long status = 0;

    (void)http_api.easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status <= 299;
}

static size_t on_body(char *p, size_t size, size_t n, void *user)
{
    struct http_call *call = user;

    n *= size;
    if (call->chunk && streams(call)) {
        call->too_large = !call->chunk(call->user, p, n);
        return call->too_large ? 0 : n;
    }
    if (call->body.len + n > call->body_max) {
        call->too_large = true;
        return 0;
    }
    buf_add(&call->body, p, n);
    return buf_ok(&call->body) ? n : 0;
}

/* "name=value" of a Set-Cookie header behind those before it. */
static void add_cookie(struct http_call *call, const char *p, size_t n)
{
    size_t have = strlen(call->cookies), len = 0;

    while (n > 0 && *p == ' ') {
        p++;
        n--;
    }
    while (len < n && p[len] != ';' && p[len] != '\r' && p[len] != '\n') {
        len++;
    }
    if (len == 0 || have + len + 3 > sizeof(call->cookies)) {
        return;
    }
    (void)str_format(call->cookies + have, sizeof(call->cookies) - have, "%s%.*s",
            have > 0 ? "; " : "", (int)len, p);
}

static size_t on_header(char *p, size_t size, size_t n, void *user)
{
    static const char cookie[] = "set-cookie:";
    struct http_call *call = user;
    size_t len = strlen(cookie), i = 0;

    n *= size;
    call->header_bytes += n;
    if (call->header_bytes > HTTP_HEADERS_ROOM) {
        call->too_large = true;
        return 0;
    }
    if (n >= 5 && memcmp(p, "HTTP/", 5) == 0) {
        call->cookies[0] = '\0'; /* of the answer before: a login that was asked for */
        buf_reset(&call->body);
    }
    while (i < len && i < n && (p[i] | (p[i] >= 'A' && p[i] <= 'Z' ? 0x20 : 0)) == cookie[i]) {
        i++;
    }
    if (i == len) {
        add_cookie(call, p + len, n - len);
    }
    if (n == 2 && call->chunk && streams(call)) {
        call->too_large = !call->chunk(call->user, p, 0);
    }
    return n;
}

static CURLcode on_ssl_ctx(CURL *easy, void *ssl_ctx, void *user)
{
    (void)easy;
    tls_pin_install(user, ssl_ctx);
    return CURLE_OK;
}

/* "meter:8080" of an address, for sentences: nothing behind it, no user. */
static void host_of(struct http_call *call, const char *url)
{
    const char *p = strstr(url, "://");
    size_t n;

    p = p ? p + 3 : url;
    n = strcspn(p, "/?#");
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '@') {
            p += i + 1;
            n -= i + 1;
            i = 0;
        }
    }
    (void)str_format(call->host, sizeof(call->host), "%.*s", (int)(n < 100 ? n : 100), p);
}

static bool given(const char *s)
{
    return s && s[0] != '\0';
}

static bool set_tls(struct http_call *call, const struct http_request *r)
{
    bool ok = true, check = !r->insecure, alone = call->pinned || call->raw || call->chunk;

    SET(SSL_VERIFYPEER, (long)check);
    SET(SSL_VERIFYHOST, check && !call->pinned ? 2L : 0L);
    SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (call->pinned) {
        SET(CAINFO, (char *)NULL);
        SET(CAPATH, (char *)NULL);
        SET(SSL_CTX_FUNCTION, on_ssl_ctx);
        SET(SSL_CTX_DATA, (void *)&call->pin);
    } else if (given(r->ca_file)) {
        SET(CAINFO, r->ca_file);
        SET(CAPATH, (char *)NULL);
    }
    /* Connections are shared, and the library does not know that a pin belongs to one; a session
     * that is resumed shows no certificate. */
    SET(SSL_SESSIONID_CACHE, (long)!call->pinned);
    SET(FRESH_CONNECT, (long)alone);
    SET(FORBID_REUSE, (long)(alone && !call->raw)); /* of a raw one it would be the end */
    return ok;
}

static bool add_header(struct http_call *call, const char *name, const char *value)
{
    char line[HEADER_ROOM];
    struct curl_slist *more;

    if (strpbrk(name, "\r\n") || strpbrk(value, "\r\n") ||
            !str_format(line, sizeof(line), "%s%s", name, value)) {
        return false;
    }
    more = http_api.slist_append(call->headers, line);
    call->headers = more ? more : call->headers;
    memset(line, 0, sizeof(line));
    return more != NULL;
}

static bool set_headers(struct http_call *call, const struct http_request *r)
{
    char name[96];
    bool ok = true;

    http_api.slist_free_all(call->headers);
    call->headers = NULL;
    for (int i = 0; r->headers && r->headers[i]; i++) {
        ok = ok && add_header(call, "", r->headers[i]);
    }
    if (r->auth == HTTP_AUTH_BEARER) {
        ok = ok && add_header(call, "Authorization: Bearer ", r->token);
    } else if (r->auth == HTTP_AUTH_HEADER) {
        ok = ok && str_format(name, sizeof(name), "%s: ", r->auth_name) &&
             add_header(call, name, r->token);
    }
    ok = ok && add_header(call, "", "Expect:"); /* no waiting for 100 Continue */
    SET(HTTPHEADER, call->headers);
    return ok;
}

static bool set_url(struct http_call *call, const struct http_request *r)
{
    CLEANUP(buf_finish) struct buf url;
    bool ok = true;

    buf_init(&url, BUF_CAP_LOG_LINE * 8);
    buf_add(&url, r->url, strcspn(r->url, "#"));
    if (r->auth == HTTP_AUTH_QUERY) {
        char *token = http_api.easy_escape(call->easy, r->token, 0);

        buf_addf(&url, "%c%s=%s", strchr(r->url, '?') ? '&' : '?', r->auth_name,
                token ? token : "");
        ok = token != NULL;
        http_api.free(token);
    }
    ok = ok && buf_ok(&url);
    SET(URL, buf_text(&url));
    return ok;
}

static bool set_login(struct http_call *call, const struct http_request *r)
{
    bool password = r->auth == HTTP_AUTH_BASIC || r->auth == HTTP_AUTH_DIGEST;
    bool ok = true;

    SET(HTTPAUTH, (long)(r->auth == HTTP_AUTH_DIGEST ? CURLAUTH_DIGEST : CURLAUTH_BASIC));
    SET(USERNAME, password ? r->username : NULL);
    SET(PASSWORD, password ? r->password : NULL);
    return ok;
}

static bool set_body(struct http_call *call, const struct http_request *r)
{
    bool ok = true;

    if (r->post) {
        SET(POST, 1L);
        SET(POSTFIELDSIZE, (long)(r->body ? strlen(r->body) : 0));
        SET(COPYPOSTFIELDS, r->body ? r->body : "");
    } else {
        SET(HTTPGET, 1L);
    }
    return ok;
}

static bool set_always(struct http_call *call, const struct http_request *r)
{
    long connect_ms = r->timeout_ms / CONNECT_SHARE;
    bool ok = true;

    if (connect_ms < CONNECT_MIN_MS) {
        connect_ms = r->timeout_ms < CONNECT_MIN_MS ? r->timeout_ms : CONNECT_MIN_MS;
    }
    SET(PROTOCOLS_STR, "http,https");
    SET(FOLLOWLOCATION, 0L);
    SET(PROXY, "");
    SET(NETRC, (long)CURL_NETRC_IGNORED);
    SET(NOSIGNAL, 1L);
    SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(USERAGENT, "twcbridge/" TWCBRIDGE_VERSION);
    SET(TIMEOUT_MS, r->chunk ? 0L : (long)r->timeout_ms);
    SET(CONNECTTIMEOUT_MS, r->chunk || r->raw ? (long)r->timeout_ms : connect_ms);
    SET(CONNECT_ONLY, (long)r->raw);
    SET(ERRORBUFFER, call->detail);
    SET(WRITEFUNCTION, on_body);
    SET(WRITEDATA, (void *)call);
    SET(HEADERFUNCTION, on_header);
    SET(HEADERDATA, (void *)call);
    SET(PRIVATE, (void *)call);
    /* Without it, ending a request waits for a name server that does not answer. */
    SET(QUICK_EXIT, 1L);
    return ok;
}

void http_begin(struct http_call *call)
{
    buf_reset(&call->body);
    call->header_bytes = 0;
    call->too_large = false;
    call->cookies[0] = '\0';
    call->detail[0] = '\0';
}

enum err_code http_set_up(struct http_call *call, const struct http_request *r, struct err *e)
{
    http_begin(call);
    host_of(call, r->url);
    call->timeout_ms = r->timeout_ms;
    call->body_max = r->body_max < BUF_CAP_HTTP ? r->body_max : BUF_CAP_HTTP;
    call->chunk = r->chunk;
    call->raw = r->raw;
    call->post = r->post;
    call->retried = false;
    call->digest = r->auth == HTTP_AUTH_DIGEST;
    call->pinned = given(r->fingerprint);
    if (call->pinned && !tls_pin_parse(r->fingerprint, &call->pin)) {
        return err_set(e, ERR_INVALID, "the fingerprint is not 64 hex digits");
    }
    if (!set_always(call, r) || !set_url(call, r) || !set_login(call, r) || !set_tls(call, r) ||
            !set_body(call, r) || !set_headers(call, r)) {
        return err_set(e, ERR_INVALID, "%s: the request cannot be made", call->host);
    }
    return ERR_OK;
}

/* ---- what went wrong ---- */

static enum http_result tls_fault(struct http_call *call, char *why, size_t room)
{
    char seen[2 * TLS_PIN_BYTES + 1];

    if (call->pinned && call->pin.checked &&
            memcmp(call->pin.seen, call->pin.want, TLS_PIN_BYTES) != 0) {
        str_hex(seen, sizeof(seen), call->pin.seen, TLS_PIN_BYTES);
        (void)str_format(why, room, "the certificate of %s has another fingerprint: %s",
                call->host, seen);
    } else {
        (void)str_format(why, room, "no TLS with %s: %.120s", call->host,
                call->detail[0] != '\0' ? call->detail : "it does not speak it");
    }
    return HTTP_TLS;
}

static enum http_result no_connection(struct http_call *call, char *why, size_t room)
{
    long number = 0;

    (void)http_api.easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &number);
    (void)str_format(why, room, "%s does not answer: %s", call->host,
            number != 0 ? strerror((int)number) : "no connection");
    return HTTP_UNREACHABLE;
}

enum http_result http_result_of(struct http_call *call, CURLcode code, char *why, size_t room)
{
    why[0] = '\0';
    if (call->too_large) {
        (void)str_format(why, room, "the answer of %s is larger than %zu bytes", call->host,
                call->body_max);
        return HTTP_TOO_LARGE;
    }
    /* Only some of the library's hundred codes can come here. */
    if (code == CURLE_OK) {
        return HTTP_ANSWERED;
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        (void)str_format(why, room, "%s did not answer within %d.%d s", call->host,
                call->timeout_ms / 1000, call->timeout_ms % 1000 / 100);
        return HTTP_TIMEOUT;
    }
    if (code == CURLE_COULDNT_RESOLVE_HOST) {
        (void)str_format(why, room, "the name of %s is not known here (DNS)", call->host);
        return HTTP_UNREACHABLE;
    }
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_INTERFACE_FAILED) {
        return no_connection(call, why, room);
    }
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR ||
            code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE ||
            code == CURLE_SSL_CIPHER || code == CURLE_SSL_ISSUER_ERROR) {
        return tls_fault(call, why, room);
    }
    (void)str_format(why, room, "the answer of %s was cut off or is no HTTP", call->host);
    return HTTP_CUT;
}
