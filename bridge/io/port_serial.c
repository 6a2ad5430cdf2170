/*
 * port_serial - opens a tty or a pty: exclusive, raw, at its speed; lists the devices.
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

static const struct speed {
    int32_t baud;
    speed_t code;
} speeds[] = {{300, B300}, {600, B600}, {1200, B1200}, {2400, B2400}, {4800, B4800},
        {9600, B9600}, {19200, B19200}, {38400, B38400}, {57600, B57600}, {115200, B115200},
        {230400, B230400}, {460800, B460800}, {500000, B500000}, {576000, B576000},
        {921600, B921600}};

static const struct format {
    const char *name;
    tcflag_t cflag, iflag;
} formats[] = {
        [PORT_8N1] = {"8N1", CS8, 0},
        [PORT_7E1] = {"7E1", CS7 | PARENB, INPCK},
        [PORT_8E1] = {"8E1", CS8 | PARENB, INPCK},
        [PORT_8O1] = {"8O1", CS8 | PARENB | PARODD, INPCK},
        [PORT_8N2] = {"8N2", CS8 | CSTOPB, 0},
};

static const struct speed *speed_of(int32_t baud)
{
    for (size_t i = 0; i < ARRAY_LEN(speeds); i++) {
        if (speeds[i].baud == baud) {
            return &speeds[i];
        }
    }
    return NULL;
}

bool port_baud_ok(int32_t baud)
{
    return speed_of(baud) != NULL;
}

/* Returns 0 or errno. */
static int set_raw(int fd, const struct port_config *how)
{
    const tcflag_t mask = CSIZE | CSTOPB | PARENB | PARODD;
    const struct format *f = &formats[how->format];
    const struct speed *s = speed_of(how->baud);
    struct termios t;

    if (tcgetattr(fd, &t) < 0) {
        return errno;
    }
    cfmakeraw(&t);
    t.c_iflag &= ~(tcflag_t)(INPCK | IGNPAR);
    t.c_iflag |= f->iflag;
    t.c_cflag &= ~(tcflag_t)(mask | CRTSCTS | HUPCL);
    t.c_cflag |= f->cflag | CLOCAL | CREAD;
    t.c_cc[VMIN] = 1; /* with 0, a read of nothing would look like a hang-up */
    t.c_cc[VTIME] = 0;
    cfsetispeed(&t, s->code);
    cfsetospeed(&t, s->code);
    if (tcsetattr(fd, TCSANOW, &t) < 0 || tcgetattr(fd, &t) < 0) {
        return errno;
    }
    /* tcsetattr is content when one of the wishes came true; a pty is always 8N1. */
    if (cfgetospeed(&t) != s->code || (!is_pty(fd) && (t.c_cflag & mask) != f->cflag)) {
        return EINVAL;
    }
    if (how->rts) {
        const int lines = TIOCM_RTS | TIOCM_DTR;

        (void)ioctl(fd, TIOCMBIS, &lines); /* a pty has none */
    }
    if (!how->keeps) {
        tcflush(fd, TCIFLUSH); /* what came before belongs to nobody */
    }
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
    error = error ? error : set_raw(fd, &p->how);
    if (error != 0) {
        if (fd >= 0) {
            close(fd);
        }
        if (error == EINVAL) {
            port_fail(p, "%s: it does not take %d baud %s", p->path, p->how.baud,
                    formats[p->how.format].name);
        } else {
            port_fail(p, "%s: %s", p->path, word(error));
        }
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
