/*
 * replay - feeds a target every file of a corpus, whole and cut (at every byte where it is short), without libFuzzer:
 * the committed inputs run under the sanitizers of any build. SPDX-License-Identifier: MIT
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>

enum { INPUT_MAX = 64 * 1024, FILES_MAX = 4096, CUTS_MAX = 160 };

/* In a room of its own size, so that a read behind the end is seen. */
static void feed(const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);

    fuzz_check(copy, "out of memory");
    memcpy(copy, data, n);
    (void)LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static void replay(const char *path)
{
    static uint8_t data[INPUT_MAX];
    FILE *f = fopen(path, "rb");
    size_t n;

    fuzz_check(f, "%s cannot be opened", path);
    n = fread(data, 1, sizeof(data), f);
    fclose(f);
    fprintf(stderr, "%s\n", path);
    for (size_t cut = 0; cut < n; cut += 1 + n / CUTS_MAX) {
        feed(data, cut);
    }
    feed(data, n);
}

/* A folder's files in the order of their names, or one file. */
static int each(const char *path)
{
    static char names[FILES_MAX][256];
    DIR *d = opendir(path);
    int n = 0;

    if (!d) {
        replay(path);
        return 1;
    }
    for (struct dirent *x = readdir(d); x && n < FILES_MAX; x = readdir(d)) {
        if (x->d_name[0] != '.') {
            str_copy(names[n++], sizeof(names[0]), x->d_name);
        }
    }
    closedir(d);
    qsort(names, (size_t)n, sizeof(names[0]), (int (*)(const void *, const void *))strcmp);
    for (int i = 0; i < n; i++) {
        char file[1024];

        fuzz_check(str_format(file, sizeof(file), "%s/%s", path, names[i]), "too long a path");
        replay(file);
    }
    return n;
}

int main(int argc, char **argv)
{
    int n = 0;

    for (int i = 1; i < argc; i++) {
        n += each(argv[i]);
    }
    fuzz_check(n > 0, "no input: %s CORPUS...", argv[0]);
    printf("%d inputs\n", n);
    return 0;
}
