/*
 * replay.c - runs a fuzz target's entry over files, without a fuzzer: the kept
 * inputs as an ordinary test, under any compiler and sanitizer.
 *
 *   fuzz-NAME-replay FILE...
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
main(int argc, char **argv)
{
	static uint8_t bytes[1 << 20];

	for (int i = 1; i < argc; i++) {
		FILE *file = fopen(argv[i], "rb");
		uint8_t *exact;
		size_t len;

		if (file == NULL) {
			perror(argv[i]);
			return 1;
		}
		len = fread(bytes, 1, sizeof(bytes), file);
		fclose(file);
		/* Exactly as long as the input, so that a read past its end is seen. */
		exact = malloc(len ? len : 1);
		if (exact == NULL)
			return 1;
		for (size_t n = 0; n < len; n++)
			exact[n] = bytes[n];
		LLVMFuzzerTestOneInput(exact, len);
		/* And every shorter one: outside bytes may be cut anywhere. */
		for (size_t n = 0; n < len && n < 512; n++) {
			uint8_t *cut = malloc(n ? n : 1);

			if (cut == NULL)
				return 1;
			for (size_t k = 0; k < n; k++)
				cut[k] = bytes[k];
			LLVMFuzzerTestOneInput(cut, n);
			free(cut);
		}
		free(exact);
	}
	printf("%d inputs\n", argc - 1);
	return 0;
}
