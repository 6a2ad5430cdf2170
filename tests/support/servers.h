/*
 * servers - a script of tests/support as a server, once clear and once with TLS and a certificate
 * of its own; they live as long as the program. SPDX-License-Identifier: MIT
 */
#ifndef TESTS_SUPPORT_SERVERS_H
#define TESTS_SUPPORT_SERVERS_H

#include "bridge/base/macros.h"
#include "bridge/base/str.h"
#include "tests/support/process.h"
#include "tests/support/test.h"

#include <sys/stat.h>

static struct {
    pid_t clear_pid, tls_pid;
    int clear_port, tls_port;
    char dir[TEST_DIR_ROOM], cert[TEST_DIR_ROOM + 16], key[TEST_DIR_ROOM + 16],
            fingerprint[100];
} servers;

/* The script of that name in the folder tests/support is started as: PORT, and PORT CERT KEY. */
static inline int servers_start(const char *folder, const char *name)
{
    char script[300], clear[16], tls[16], text[4096];
    const char *make[] = {"/usr/bin/python3", "-c", text, NULL};
    const char *a[] = {"/usr/bin/python3", script, clear, NULL};
    const char *b[] = {"/usr/bin/python3", script, tls, servers.cert, servers.key, NULL};
    FILE *f;

    if (!test_dir(servers.dir)) {
        return -1;
    }
    (void)str_format(script, sizeof(script), "%s/%s", folder, name);
    (void)str_format(servers.cert, sizeof(servers.cert), "%s/fake.crt", servers.dir);
    (void)str_format(servers.key, sizeof(servers.key), "%s/fake.key", servers.dir);
    (void)str_format(text, sizeof(text),
            "import sys; sys.path.insert(0, '%s'); import http_fake; "
            "print(http_fake.certificate('%s')[2], file=open('%s/print', 'w'))",
            folder, servers.dir, servers.dir);
    if (process_run(make, NULL, "/dev/null") != 0) {
        return -1;
    }
    (void)str_format(text, sizeof(text), "%s/print", servers.dir);
    f = fopen(text, "r");
    if (!f || !fgets(servers.fingerprint, sizeof(servers.fingerprint), f)) {
        return -1;
    }
    fclose(f);
    servers.fingerprint[strcspn(servers.fingerprint, "\n")] = '\0';
    servers.clear_port = free_port();
    (void)str_format(clear, sizeof(clear), "%d", servers.clear_port);
    servers.clear_pid = process_start(a, NULL, "/dev/null");
    servers.tls_port = free_port();
    (void)str_format(tls, sizeof(tls), "%d", servers.tls_port);
    servers.tls_pid = process_start(b, NULL, "/dev/null");
    return port_answers(servers.clear_port, 10000) && port_answers(servers.tls_port, 10000)
                   ? 0
                   : -1;
}

static inline int servers_stop(void **state)
{
    (void)state;
    process_kill(&servers.clear_pid, SIGKILL);
    process_kill(&servers.tls_pid, SIGKILL);
    test_dir_remove(servers.dir);
    return 0;
}

#endif
