/*
 * port_serial - opens a tty or a pty: exclusive, raw, 9600 8N1; lists the devices.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/io/port_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include <libserialport.h>

/* Unix98 pty slaves have the majors 136 to 143. */
static bool is_pty(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && major(st.st_rdev) >= 136 && major(st.st_rdev) <= 143;
}

/* Returns 0 or errno. */
static int lock(int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        return errno == EWOULDBLOCK ? EBUSY : errno;
    }
    /* Keeps out programs that know no flock. Not on a pty: there the mark outlives us as long
     * as the master lives, and would lock ourselves out after a crash. */
    if (!is_pty(fd) && ioctl(fd, TIOCEXCL) < 0) {
        return errno;
    }
    return 0;
}

/* Returns 0 or errno. */
static int set_raw(int fd)
{
    struct termios t;

    if (tcgetattr(fd, &t) < 0) {
        return errno;
    }
    cfmakeraw(&t);
    t.c_cflag &= ~(tcflag_t)(CSTOPB | CRTSCTS | PARENB | HUPCL);
    t.c_cflag |= CS8 | CLOCAL | CREAD;
    t.c_cc[VMIN] = 1; /* with 0, a read of nothing would look like a hang-up */
    t.c_cc[VTIME] = 0;
    cfsetispeed(&t, B9600);
    cfsetospeed(&t, B9600);
    if (tcsetattr(fd, TCSANOW, &t) < 0 || tcgetattr(fd, &t) < 0) {
        return errno;
    }
    if (cfgetospeed(&t) != B9600) {
        return EINVAL; /* tcsetattr is content when one of the wishes came true */
    }
    tcflush(fd, TCIFLUSH); /* what came before belongs to nobody */
    return 0;
}

static const char *word(int error)
{
    switch (error) {
    case EBUSY:
        return "port is in use by another program";
    case ENOENT:
    case ENODEV:
    case ENXIO:
    case EIO:
        return "the device is not there";
    case EACCES:
    case EPERM:
        return "permission denied (is the user in the group dialout?)";
    case ENOTTY:
        return "it is not a serial device";
    case EINVAL:
        return "it does not take 9600 baud";
    default:
        return strerror(error);
    }
}

void port_serial_try(struct port *p)
{
    char *real = realpath(p->path, NULL);
    int fd, error;

    if (!real) {
        port_fail(p, "%s: %s", p->path, word(errno));
        return;
    }
    fd = open(real, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    error = fd < 0 ? errno : 0;
    free(real);
    if (error == 0 && !isatty(fd)) {
        error = errno == EIO ? EIO : ENOTTY;
    }
    error = error ? error : lock(fd);
    error = error ? error : set_raw(fd);
    if (error != 0) {
        if (fd >= 0) {
            close(fd);
        }
        port_fail(p, "%s: %s", p->path, word(error));
        return;
    }
    if (port_link(p, fd, NULL)) {
        port_connected(p);
    }
}

void port_list(char *dst, size_t room)
{
    struct sp_port **list = NULL;
    size_t len = 0;

    if (room == 0) {
        return;
    }
    dst[0] = '\0';
    if (sp_list_ports(&list) != SP_OK) {
        return;
    }
    for (int i = 0; list[i]; i++) {
        const char *text = sp_get_port_description(list[i]);
        const char *serial = sp_get_port_usb_serial(list[i]);

        if (!str_format(dst + len, room - len, "%s%s (%s%s%s)", i ? ", " : "",
                    sp_get_port_name(list[i]), text ? text : "no description",
                    serial ? ", serial " : "", serial ? serial : "")) {
            break;
        }
        len = strlen(dst);
    }
    sp_free_port_list(list);
}
