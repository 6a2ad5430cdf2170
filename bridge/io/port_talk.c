/*
 * port_talk - what goes over a link: bytes as they are, or RFC 2217. SPDX-License-Identifier: MIT
 */
#include "bridge/io/loop.h"
#include "bridge/io/port_impl.h"

enum {
    AGREE_MS = 3000,     /* some gateways are slow, and each question is a round trip */
    SUSPENDED_MS = 5000, /* longer than this is no flow control any more */
};

/* Sends what telnet has to say. False: the port failed. */
static bool answer(struct port *p)
{
    uint8_t reply[TELNET_REPLY_MAX];
    size_t n = telnet_take(&p->telnet, reply);

    return n == 0 || port_send(p, reply, n);
}

void port_connected(struct port *p)
{
    p->heard_ms = loop_now_ms();
    port_link_read(p);
    switch (p->spec.talk) {
    case PORT_RAW:
        port_link_up(p);
        break;
    case PORT_TELNET:
        p->state = PORT_AGREEING;
        p->suspended_ms = 0;
        telnet_start(&p->telnet);
        if (answer(p)) {
            port_timer(p, AGREE_MS);
        }
        break;
    }
}

/* False: it failed. */
static bool follow(struct port *p)
{
    switch (p->telnet.phase) {
    case TELNET_ASKING:
        break;
    case TELNET_READY:
        if (p->state == PORT_AGREEING) {
            port_link_up(p);
        }
        break;
    case TELNET_FAULT:
        port_fail(p, "%s: %s", p->path, p->telnet.why);
        return false;
    }
    return true;
}

void port_agree_deadline(struct port *p)
{
    telnet_deadline(&p->telnet);
    (void)follow(p);
}

void port_received(struct port *p, uint8_t *data, size_t n)
{
    p->heard_ms = loop_now_ms();
    switch (p->spec.talk) {
    case PORT_RAW:
        break;
    case PORT_TELNET:
        n = telnet_feed(&p->telnet, data, n, data);
        if (!answer(p) || !follow(p)) {
            return;
        }
        break;
    }
    if (n > 0 && p->state == PORT_UP && !p->destroyed) {
        p->ops->bytes(p->user, data, n);
    }
}

static bool may_write(struct port *p)
{
    int64_t now_ms = loop_now_ms();

    if (!p->telnet.suspended) {
        p->suspended_ms = 0;
        return true;
    }
    if (p->suspended_ms == 0) {
        p->suspended_ms = now_ms;
    }
    if (now_ms - p->suspended_ms > SUSPENDED_MS) {
        port_fail(p, "%s: the gateway takes no bytes for longer than %d s", p->path,
                SUSPENDED_MS / 1000);
    }
    return false;
}

static bool write_telnet(struct port *p, const uint8_t *data, size_t n)
{
    uint8_t wire[2 * PORT_WRITE_MAX];

    if (!may_write(p)) {
        return false;
    }
    if (n > PORT_WRITE_MAX) {
        port_fail(p, "%s: a message of %zu bytes is too long for it", p->path, n);
        return false;
    }
    n = telnet_escape(data, n, wire);
    return port_send(p, wire, n);
}

bool port_write(struct port *p, const uint8_t *data, size_t n)
{
    if (p->state != PORT_UP || p->destroyed) {
        return false;
    }
    switch (p->spec.talk) {
    case PORT_RAW:
        break;
    case PORT_TELNET:
        return write_telnet(p, data, n);
    }
    return port_send(p, data, n);
}
