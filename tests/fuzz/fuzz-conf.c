/*
 * fuzz-conf.c - any bytes as a configuration. What is taken must survive being
 * packed and unpacked for every role, and the key must stay with the pollers.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/why.h"
#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const enum conf_reader readers[] = {
	CONF_SUPERVISOR, CONF_KEEPER, CONF_PUBLISHER, CONF_POLLER, CONF_FRONT,
};

static void
check_role(const struct conf *conf, enum conf_reader reader)
{
	scoped_free char *text = NULL;
	struct conf other;
	size_t len;

	text = conf_pack(conf, reader, &len);
	if (conf_unpack(&other, text, len, NULL) != 0 || !conf_same_for(conf, &other, reader))
		abort();
	if (reader != CONF_POLLER && other.brightdata_api_key[0] != '\0')
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf conf;
	struct why why = { "" };
	char *text = NULL;
	size_t len;
	FILE *out;

	if (conf_unpack(&conf, (const char *)data, size, &why) != 0) {
		if (why.text[0] == '\0')
			abort();
		conf_done(&conf);
		return 0;
	}
	for (size_t i = 0; i < countof(readers); i++)
		check_role(&conf, readers[i]);
	(void)conf_check(&conf, &why);
	out = open_memstream(&text, &len);
	conf_print(&conf, out);
	(void)fclose(out);
	free(text);
	conf_done(&conf);
	return 0;
}
