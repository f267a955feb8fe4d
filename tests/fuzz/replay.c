/* A main for fuzz targets without libFuzzer: runs the target once on every file and on every file of every
 * folder named, so that a corpus and old findings are tests under any compiler. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"

#define REPLAY_MAX_BYTES (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path, size_t *count)
{
	AUTO_BUF struct buf content;
	struct error err;

	buf_init(&content, REPLAY_MAX_BYTES);
	if (file_read(&content, path, FILE_REGULAR, &err) != 0) {
		fprintf(stderr, "%s\n", err.message);
		return -1;
	}
	(void)LLVMFuzzerTestOneInput((const uint8_t *)buf_str(&content), content.len);
	(*count)++;
	return 0;
}

static int replay_folder(const char *path, size_t *count)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int rc = 0;

	if (dir == NULL) {
		perror(path);
		return -1;
	}
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		AUTO_FREE char *file = NULL;
		struct stat st;

		if (asprintf(&file, "%s/%s", path, entry->d_name) < 0)
			rc = -1;
		else if (stat(file, &st) == 0 && S_ISREG(st.st_mode))
			rc = replay_file(file, count);
	}
	(void)closedir(dir);
	return rc;
}

int main(int argc, char **argv)
{
	size_t count = 0;
	struct stat st;
	int rc = 0;

	for (int i = 1; i < argc && rc == 0; i++) {
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			rc = replay_folder(argv[i], &count);
		else
			rc = replay_file(argv[i], &count);
	}
	printf("replayed %zu inputs\n", count);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
