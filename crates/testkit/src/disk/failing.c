/* A disk that fails, for one program: loaded by LD_PRELOAD, it counts what the program writes and syncs
 * below one directory, and has some of it fail. The test says which through a file that both map; see
 * disk.rs. For tests only. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct plan {
    _Atomic int seen;  /* how many there were */
    _Atomic int from;  /* the first that fails; 0: none */
    _Atomic int until; /* the first after it that does not */
    _Atomic int error; /* how they fail */
};

static struct plan *plan;
static char below[4096];
static size_t length;

__attribute__((constructor)) static void begin(void)
{
    const char *file = getenv("FAILING_DISK_PLAN");
    const char *directory = getenv("FAILING_DISK_BELOW");
    if (!file || !directory)
        return;
    length = (size_t)snprintf(below, sizeof below, "%s/", directory);
    int fd = open(file, O_RDWR | O_CLOEXEC);
    void *map = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        abort();
    plan = map;
    close(fd);
}

/* Whether this one fails. What is written elsewhere (sockets, the log) is not counted. */
static int fails(int fd)
{
    char link[64], path[4096];
    if (!plan)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path);
    if (size < (ssize_t)length || memcmp(path, below, length))
        return 0;
    int seen = atomic_fetch_add(&plan->seen, 1) + 1;
    if (!plan->from || seen < plan->from || seen >= plan->until)
        return 0;
    errno = plan->error;
    return 1;
}

#define FAILING(type, name, parameters, arguments)                                   \
    type name parameters                                                             \
    {                                                                                \
        static type(*real) parameters;                                               \
        if (!real)                                                                   \
            real = (type(*) parameters)dlsym(RTLD_NEXT, #name);                      \
        return fails(fd) ? -1 : real arguments;                                      \
    }

FAILING(ssize_t, write, (int fd, const void *bytes, size_t size), (fd, bytes, size))
FAILING(ssize_t, pwrite, (int fd, const void *bytes, size_t size, off_t at), (fd, bytes, size, at))
FAILING(ssize_t, pwrite64, (int fd, const void *bytes, size_t size, off64_t at), (fd, bytes, size, at))
FAILING(int, ftruncate, (int fd, off_t size), (fd, size))
FAILING(int, ftruncate64, (int fd, off64_t size), (fd, size))
FAILING(int, fsync, (int fd), (fd))
FAILING(int, fdatasync, (int fd), (fd))
