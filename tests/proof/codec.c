/*
 * The codec under Frama-C Eva: any bytes, any frame, any length; no run-time error is left open.
 *
 * Not a program: Eva reads it together with frame.c and message.c, with eva_main as the start,
 * and has to report no alarm. SPDX-License-Identifier: MIT
 */
#include "bridge/core/twc/frame.h"
#include "bridge/core/twc/message.h"

extern volatile int any; /* a new value at each reading */

void eva_main(void);

static void any_frame(struct frame *f)
{
    f->len = (uint8_t)any;
    for (int i = 0; i < FRAME_BODY_MAX; i++) {
        f->data[i] = (uint8_t)any;
    }
}

static void decode_anything(void)
{
    struct frame_decoder d = {0};
    struct frame f = {0};
    struct message m;

    while (any) {
        enum frame_result r = frame_decode(&d, (uint8_t)any, &f);

        (void)frame_result_name(r);
        if (r == FRAME_READY) {
            (void)message_decode(&f, &m);
            (void)message_kind_name(m.kind);
            (void)twc_state_name(m.code);
        }
        if (any) {
            frame_drop_partial(&d);
        }
        (void)frame_in_progress(&d);
    }
}

void eva_main(void)
{
    uint8_t wire[FRAME_WIRE_MAX], body[FRAME_BODY_MAX];
    struct frame f;
    struct message m;
    char vin[18];

    decode_anything();
    any_frame(&f);
    (void)message_decode(&f, &m);
    for (unsigned n = 0; n <= UINT8_MAX; n++) {
        f.len = (uint8_t)n;
        (void)frame_encode(&f, wire);
    }
    for (int i = 0; i < FRAME_BODY_MAX; i++) {
        body[i] = (uint8_t)any;
    }
    for (unsigned n = 0; n < FRAME_BODY_MAX; n++) {
        (void)frame_seal(&f, body, n);
    }
    for (int i = 0; i < 17; i++) {
        vin[i] = (char)any;
    }
    vin[17] = '\0';
    (void)vin_valid(vin);
}
