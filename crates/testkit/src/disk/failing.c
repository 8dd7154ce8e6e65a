/* A disk that fails, for one program: loaded by LD_PRELOAD, it counts what the program writes and syncs
 * to the disk of one directory, and has some of it fail. The test says which through a file that this one
 * maps; see disk.rs. For tests only. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct plan {
    _Atomic int seen;  /* how many there were */
    _Atomic int from;  /* the first that fails; 0: none */
    _Atomic int until; /* the first after it that does not */
    _Atomic int error; /* how they fail */
};

static struct plan *plan;
static const char *directory;

__attribute__((constructor)) static void begin(void)
{
    const char *file = getenv("FAILING_DISK_PLAN");
    directory = getenv("FAILING_DISK_OF");
    if (!file || !directory)
        return;
    int fd = open(file, O_RDWR | O_CLOEXEC);
    void *map = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        abort();
    plan = map;
    close(fd);
}

/* Whether this one fails. Standard output is the log, and what is no file or lies on another disk is not
 * counted. (No look at /proc: the program may see that of others.) */
static int fails(int fd)
{
    struct stat disk, found;
    if (!plan || fd <= 2 || stat(directory, &disk) || fstat(fd, &found))
        return 0;
    if (!S_ISREG(found.st_mode) || found.st_dev != disk.st_dev)
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
