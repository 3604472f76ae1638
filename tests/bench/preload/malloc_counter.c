/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts heap allocations of a process by who made them: the program itself
 * (its rooms are linked statically) or a shared library. Loaded by LD_PRELOAD;
 * the counters live in the file named by GW_MALLOC_COUNTS, as two u64:
 * [0] program, [1] libraries.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static uint64_t spare[2];
static volatile uint64_t *counts = spare;
static uintptr_t text_start, text_end;

static int first_object(struct dl_phdr_info *info, size_t size, void *context) {
    (void) size;
    (void) context;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_LOAD && (header->p_flags & PF_X)) {
            text_start = info->dlpi_addr + header->p_vaddr;
            text_end = text_start + header->p_memsz;
        }
    }
    return 1; /* the program comes first; libraries are of no interest */
}

__attribute__((constructor)) static void start(void) {
    dl_iterate_phdr(first_object, NULL);
    const char *path = getenv("GW_MALLOC_COUNTS");
    int fd = path ? open(path, O_RDWR | O_CREAT, 0600) : -1;
    if (fd < 0 || ftruncate(fd, sizeof spare) != 0) {
        return;
    }
    void *map = mmap(NULL, sizeof spare, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) {
        counts = map;
    }
    close(fd);
}

static void count(void *caller) {
    uintptr_t address = (uintptr_t) caller;
    int index = address >= text_start && address < text_end ? 0 : 1;
    __atomic_fetch_add(&counts[index], 1, __ATOMIC_RELAXED);
}

void *malloc(size_t size) {
    count(__builtin_return_address(0));
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    count(__builtin_return_address(0));
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size) {
    count(__builtin_return_address(0));
    return __libc_realloc(old, size);
}
