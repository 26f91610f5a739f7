/* Stands before the calls of the system that move bytes, and lets them fail or be short by a plan.
 *
 * plan(fd, kind, count, actions): the next calls of a kind (0 receives, 1 sends) on a descriptor: an action
 * above 0 is the number of an error, below 0 how many bytes at most are moved, and 0 lets the call be.
 *
 * trouble(one_in, seed): of all other calls on sockets for streams, one in so many fails in a way that may be
 * tried again, or is short. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { DESCRIPTORS = 1024, LENGTH = 64 };

static struct {
    int count, next, actions[LENGTH];
} plans[DESCRIPTORS][2];

void plan(int fd, int kind, int count, const int *actions) {
    plans[fd][kind].next = 0;
    plans[fd][kind].count = count;
    memcpy(plans[fd][kind].actions, actions, count * sizeof *actions);
}

int left(int fd, int kind) { return plans[fd][kind].count - plans[fd][kind].next; }

static unsigned one_in, state;

void trouble(unsigned number, unsigned seed) {
    one_in = number;
    state = seed;
}

static int is_stream(int fd) {
    int kind;
    socklen_t length = sizeof kind;
    return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &length) && kind == SOCK_STREAM;
}

static size_t troubled(int fd, int kind, size_t size) {
    static const int errors[2][3] = {{EAGAIN, EINTR, EAGAIN}, {EAGAIN, EINTR, ENOBUFS}};
    state = state * 1103515245u + 12345u;
    unsigned number = state >> 8;
    if (number % one_in || !is_stream(fd))
        return size;
    unsigned way = number / one_in % 4;
    if (way == 3)
        return 1 + number % size;
    errno = errors[kind][way];
    return 0;
}

/* Gives 0 if the call is to fail, and else the bytes that it may move. */
static size_t allowed(int fd, int kind, size_t size) {
    if (fd < 0 || fd >= DESCRIPTORS || left(fd, kind) <= 0)
        return one_in ? troubled(fd, kind, size) : size;
    int action = plans[fd][kind].actions[plans[fd][kind].next++];
    if (action > 0) {
        errno = action;
        return 0;
    }
    return action < 0 && (size_t)-action < size ? (size_t)-action : size;
}

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))
#define MOVE(kind, size, call)                      \
    size_t allow = size ? allowed(fd, kind, size) : 0; \
    if (size && !allow)                             \
        return -1;                                  \
    return call

ssize_t recv(int fd, void *to, size_t size, int flags) { MOVE(0, size, REAL(recv)(fd, to, allow, flags)); }

ssize_t send(int fd, const void *from, size_t size, int flags) {
    MOVE(1, size, REAL(send)(fd, from, allow, flags));
}

ssize_t read(int fd, void *to, size_t size) { MOVE(0, size, REAL(read)(fd, to, allow)); }

ssize_t write(int fd, const void *from, size_t size) { MOVE(1, size, REAL(write)(fd, from, allow)); }

ssize_t recvfrom(int fd, void *to, size_t size, int flags, struct sockaddr *address, socklen_t *length) {
    MOVE(0, size, REAL(recvfrom)(fd, to, allow, flags, address, length));
}

ssize_t sendto(int fd, const void *from, size_t size, int flags, const struct sockaddr *address,
               socklen_t length) {
    MOVE(1, size, REAL(sendto)(fd, from, allow, flags, address, length));
}

/* Of several pieces the first one is moved. */
static size_t first_of(const struct iovec *pieces, size_t count) {
    for (size_t number = 0; number < count; number++)
        if (pieces[number].iov_len)
            return pieces[number].iov_len;
    return 0;
}

static ssize_t message(int fd, int kind, struct msghdr copy, int flags) {
    size_t size = first_of(copy.msg_iov, copy.msg_iovlen), allow = size ? allowed(fd, kind, size) : 0;
    if (size && !allow)
        return -1;
    struct iovec one = {copy.msg_iovlen ? copy.msg_iov->iov_base : NULL, allow};
    if (size && allow < size && copy.msg_iov->iov_len == size) {
        copy.msg_iov = &one;
        copy.msg_iovlen = 1;
    }
    return kind ? REAL(sendmsg)(fd, &copy, flags) : REAL(recvmsg)(fd, &copy, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *from, int flags) { return message(fd, 1, *from, flags); }

ssize_t writev(int fd, const struct iovec *pieces, int count) {
    size_t size = first_of(pieces, count), allow = size ? allowed(fd, 1, size) : 0;
    if (size && !allow)
        return -1;
    if (size && allow < size && pieces->iov_len == size)
        return REAL(write)(fd, pieces->iov_base, allow);
    return REAL(writev)(fd, pieces, count);
}
