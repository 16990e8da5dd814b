/* Stands between a program and the C library's file calls, for files under $SHIM_ROOT:
 * records them ($SHIM_LOG), makes them fail ($SHIM_FAIL=call:number:errno[:forever]), or shows
 * in the first byte of a file that one is syncing ($SHIM_BUSY=file; while its second byte is 1 the
 * sync does not begin, while it is 2 it does not return), or makes syncing as slow as a card's
 * ($SHIM_SLOW=us:us_now_and_then:every_s).
 *
 * A record is: one letter, file name length (u16), offset (i64), length (u32), name, data.
 *   W write, T set the length, A allocate (grows with zeros), S sync, U unlink, L link, R rename,
 *   M a mark that the program sets itself with shim_mark().
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static int log_fd = -1, busy_fd = -1;
static long slow_us, spike_us, spike_every_s;
static time_t last_spike;
static const char *root = "";
static char fail_call[16];
static long fail_at, fail_errno, fail_forever, seen;

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);

__attribute__((constructor)) static void begin(void) {
    const char *log = getenv("SHIM_LOG"), *fail = getenv("SHIM_FAIL");
    const char *busy = getenv("SHIM_BUSY");
    root = getenv("SHIM_ROOT") ? getenv("SHIM_ROOT") : "";
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    if (log) log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (busy) busy_fd = open(busy, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (getenv("SHIM_SLOW")) {
        sscanf(getenv("SHIM_SLOW"), "%ld:%ld:%ld", &slow_us, &spike_us, &spike_every_s);
        last_spike = time(NULL);
    }
    if (fail) {
        char forever[16] = "";
        sscanf(fail, "%15[^:]:%ld:%ld:%15s", fail_call, &fail_at, &fail_errno, forever);
        fail_forever = forever[0] != 0;
    }
}

static int ours(int fd, char *name, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, name, size - 1);
    if (length < 0 || !root[0]) return 0;
    name[length] = 0;
    return strncmp(name, root, strlen(root)) == 0;
}

static void record(char letter, const char *name, int64_t offset, uint32_t length,
                   const void *data) {
    if (log_fd < 0) return;
    uint16_t name_length = strlen(name);
    uint32_t held = data ? length : 0;
    char head[1 + 2 + 8 + 4];
    head[0] = letter;
    memcpy(head + 1, &name_length, 2);
    memcpy(head + 3, &offset, 8);
    memcpy(head + 11, &length, 4);
    char *all = malloc(sizeof head + name_length + held);
    memcpy(all, head, sizeof head);
    memcpy(all + sizeof head, name, name_length);
    if (held) memcpy(all + sizeof head + name_length, data, held);
    if (write(log_fd, all, sizeof head + name_length + held) < 0) abort();
    free(all);
}

void shim_mark(const char *text) { record('M', "", 0, strlen(text), text); }

/* How many calls of the kind that $SHIM_FAIL names there have been. */
long shim_seen(void) { return seen; }

static int fails(const char *call) {
    if (strcmp(call, fail_call) != 0) return 0;
    seen++;
    if (seen != fail_at && !(fail_forever && seen > fail_at)) return 0;
    errno = fail_errno;
    return 1;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off_t offset) {
    char name[512];
    if (!ours(fd, name, sizeof name)) return real_pwrite(fd, data, length, offset);
    if (fails("write")) return -1;
    ssize_t done = real_pwrite(fd, data, length, offset);
    if (done > 0) record('W', name, offset, done, data);
    return done;
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    return pwrite64(fd, data, length, offset);
}

static void drag(void) {
    if (!slow_us) return;
    usleep(slow_us);
    if (time(NULL) - last_spike < spike_every_s) return;
    last_spike = time(NULL);
    usleep(spike_us);
}

/* Stay as long as the busy file's second byte says so. */
static void hold(char where) {
    char asked;
    while (busy_fd >= 0 && pread(busy_fd, &asked, 1, 1) == 1 && asked == where) usleep(1000);
}

static int synced(int fd, const char *symbol) {
    char name[512];
    int (*real)(int) = dlsym(RTLD_NEXT, symbol);
    if (!ours(fd, name, sizeof name)) return real(fd);
    if (fails("sync")) return -1;
    drag();
    if (busy_fd >= 0 && real_pwrite(busy_fd, "\1", 1, 0) != 1) abort();
    hold(1);
    int done = real(fd);
    hold(2);
    if (busy_fd >= 0 && real_pwrite(busy_fd, "\0", 1, 0) != 1) abort();
    if (done == 0) record('S', name, 0, 0, NULL);
    return done;
}
int fsync(int fd) { return synced(fd, "fsync"); }
int fdatasync(int fd) { return synced(fd, "fdatasync"); }

int ftruncate64(int fd, off_t length) {
    char name[512];
    int (*real)(int, off_t) = dlsym(RTLD_NEXT, "ftruncate64");
    if (!ours(fd, name, sizeof name)) return real(fd, length);
    if (fails("truncate")) return -1;
    int done = real(fd, length);
    if (done == 0) record('T', name, length, 0, NULL);
    return done;
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int posix_fallocate64(int fd, off_t offset, off_t length) {
    char name[512];
    int (*real)(int, off_t, off_t) = dlsym(RTLD_NEXT, "posix_fallocate64");
    if (!ours(fd, name, sizeof name)) return real(fd, offset, length);
    if (fails("allocate")) return fail_errno;
    int done = real(fd, offset, length);
    if (done == 0) record('A', name, offset + length, 0, NULL);
    return done;
}
int posix_fallocate(int fd, off_t offset, off_t length) {
    return posix_fallocate64(fd, offset, length);
}

int unlink(const char *name) {
    int (*real)(const char *) = dlsym(RTLD_NEXT, "unlink");
    int done = real(name);
    if (done == 0 && root[0] && strncmp(name, root, strlen(root)) == 0) record('U', name, 0, 0, NULL);
    return done;
}

static void two_names(char letter, const char *from, const char *to) {
    if (root[0] && strncmp(from, root, strlen(root)) == 0)
        record(letter, from, 0, strlen(to), to);
}
int link(const char *from, const char *to) {
    int (*real)(const char *, const char *) = dlsym(RTLD_NEXT, "link");
    int done = real(from, to);
    if (done == 0) two_names('L', from, to);
    return done;
}
int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
    int done = real(from, to);
    if (done == 0) two_names('R', from, to);
    return done;
}

static int opened(const char *name, int flags, mode_t mode) {
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open64");
    if (root[0] && strncmp(name, root, strlen(root)) == 0 && fails("open")) return -1;
    return real(name, flags, mode);
}
int open64(const char *name, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opened(name, flags, mode);
}
int open(const char *name, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opened(name, flags, mode);
}
