/* A main for fuzzers without libFuzzer: feeds every regular file of the directories given as
 * arguments to LLVMFuzzerTestOneInput, so that each corpus is also an ordinary test. A finding
 * aborts inside the target; a directory that cannot be read, or holds no file, fails the test. */
#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Larger files are cut: no target takes more. */
#define INPUT_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Feeds one file from a block of exactly its size, so that ASan sees a read past its end. Returns
 * false when the file cannot be read. */
static bool
replay_file(const char *path)
{
	static unsigned char bytes[INPUT_MAX];
	FILE *f = fopen(path, "rb");
	if (f == NULL)
		return false;
	const size_t n = fread(bytes, 1, sizeof(bytes), f);
	const bool ok = ferror(f) == 0;
	fclose(f);
	if (!ok)
		return false;

	unsigned char *exact = malloc(n == 0 ? 1 : n);
	if (exact == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		exact[i] = bytes[i];
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return true;
}

/* Returns the number of files fed, or -1. */
static int
replay_dir(const char *dir)
{
	DIR *d = opendir(dir);
	if (d == NULL)
		return -1;

	int n = 0;
	for (struct dirent *entry = readdir(d); entry != NULL && n >= 0; entry = readdir(d)) {
		char path[4096];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		n = replay_file(path) ? n + 1 : -1;
	}
	closedir(d);
	return n;
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const int n = replay_dir(argv[i]);
		if (n <= 0) {
			fprintf(stderr, "%s: %s\n", argv[i], n == 0 ? "no input" : "cannot read");
			return EXIT_FAILURE;
		}
		printf("%s: %d inputs\n", argv[i], n);
	}
	return argc > 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
