/*
 * replay: main() for a fuzz target in place of a fuzzer.
 *
 * Feeds it every file of t/fuzz/seeds/NAME, or the files on the command
 * line, whole and cut short at PREFIXES places. It finds crashes that were
 * found before, and nothing new. Each input is an allocation of exactly its
 * size, so that sanitizers and valgrind see the first octet behind it.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PREFIXES	64
#define PATH_SPACE	8192

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
feed(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len == 0 ? 1 : len);

	if (copy == NULL)
		abort();
	if (len != 0)
		memcpy(copy, data, len);
	(void)LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

/* 0, or -1 when the file cannot be read. */
static int
replay(const char *path)
{
	struct stat st;
	uint8_t *data = NULL;
	size_t len, i;
	FILE *f;
	int rc = -1;

	if ((f = fopen(path, "rb")) == NULL || fstat(fileno(f), &st) == -1)
		goto out;
	len = (size_t)st.st_size;
	if ((data = malloc(len + 1)) == NULL || fread(data, 1, len, f) != len)
		goto out;
	for (i = 0; i < PREFIXES && i < len; i++)
		feed(data, len * i / PREFIXES);
	feed(data, len);
	rc = 0;
out:
	if (rc == -1)
		perror(path);
	free(data);
	if (f != NULL)
		(void)fclose(f);
	return rc;
}

static int
is_seed(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int
replay_folder(const char *dir, int *passed)
{
	struct dirent **names;
	char path[PATH_SPACE];
	int i, n, failed = 0;

	if ((n = scandir(dir, &names, is_seed, alphasort)) == -1) {
		perror(dir);
		return 1;
	}
	for (i = 0; i < n; i++) {
		if (snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name) >= PATH_SPACE ||
		    replay(path) == -1)
			failed++;
		else
			(*passed)++;
		free(names[i]);
	}
	free(names);
	return failed;
}

int
main(int argc, char **argv)
{
	const char *top = getenv("srcdir"), *name = strrchr(argv[0], '/');
	char dir[PATH_SPACE];
	int i, passed = 0, failed = 0;

	for (i = 1; i < argc; i++) {
		if (replay(argv[i]) == -1)
			failed++;
		else
			passed++;
	}
	if (argc == 1) {
		(void)snprintf(dir, sizeof(dir), "%s/t/fuzz/seeds/%s", top == NULL ? "." : top,
		    name == NULL ? argv[0] : name + 1);
		failed = replay_folder(dir, &passed);
	}
	(void)printf("%d passed, %d failed\n", passed, failed);
	return failed == 0 && passed != 0 ? 0 : 1;
}
