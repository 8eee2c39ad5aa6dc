/*
 * url.c - splits and judges URLs. Does not decode, does not look up names.
 */
#include "model/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/why.h"

static int
check_bytes(const char *text, struct why *why)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		if (*p == ' ')
			return why_set(why, EINVAL, "must not contain spaces (write %%20)");
		/* C1 control characters are c2 80 to c2 9f in UTF-8. */
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f))
			return why_set(why, EINVAL, "must not contain control characters");
		if (*p == '\\')
			return why_set(why, EINVAL, "must not contain a backslash");
	}
	return 0;
}

static int
take_scheme(const char **text, bool *ret_https, struct why *why)
{
	if (strncasecmp(*text, "https://", 8) == 0) {
		*ret_https = true;
		*text += 8;
	} else if (strncasecmp(*text, "http://", 7) == 0) {
		*ret_https = false;
		*text += 7;
	} else {
		return why_set(why, EINVAL, "must begin with https:// or http://");
	}
	return 0;
}

static bool
is_port(const char *p, size_t len)
{
	unsigned long port = 0;

	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)p[i]))
			return false;
		port = port * 10 + (unsigned long)(p[i] - '0');
	}
	return port >= 1 && port <= 65535;
}

static bool
is_address(int family, const char *p, size_t len)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	return str_copy_n(text, sizeof(text), p, len) == 0 && inet_pton(family, text, &address) == 1;
}

/* Letters of other scripts are let through: a name server will judge them. */
static bool
is_host_name(const char *p, size_t len)
{
	bool named = false;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p[i];

		if (isalnum(c) || c >= 0x80)
			named = true;
		else if (c != '.' && c != '-' && c != '_')
			return false;
	}
	return named && len <= 253 && p[0] != '.';
}

static int
split_authority(const char *p, size_t len, struct url *ret, struct why *why)
{
	const char *end = p + len, *port;

	if (memchr(p, '@', len) != NULL)
		return why_set(why, EINVAL, "must not contain a user name or password");
	if (len > 0 && *p == '[') {
		const char *close = memchr(p, ']', len);

		if (close == NULL || !is_address(AF_INET6, p + 1, (size_t)(close - p - 1)))
			return why_set(why, EINVAL, "has no valid IPv6 address between its brackets");
		ret->host = p + 1;
		ret->host_len = (size_t)(close - p - 1);
		port = close + 1;
	} else {
		port = memchr(p, ':', len);
		if (port == NULL)
			port = end;
		ret->host = p;
		ret->host_len = (size_t)(port - p);
		if (ret->host_len == 0)
			return why_set(why, EINVAL, "names no host");
		if (!is_host_name(p, ret->host_len))
			return why_set(why, EINVAL, "has a host name with characters that no host name has");
	}
	if (port < end && (*port != ':' || !is_port(port + 1, (size_t)(end - port - 1))))
		return why_set(why, EINVAL, "has a port that is not a number from 1 to 65535");
	return 0;
}

int
url_split(const char *text, struct url *ret, struct why *why)
{
	size_t authority_len;
	int rc;

	memset(ret, 0, sizeof(*ret));
	rc = take_scheme(&text, &ret->https, why);
	if (rc == 0)
		rc = check_bytes(text, why);
	if (rc < 0)
		return rc;
	authority_len = strcspn(text, "/?#");
	rc = split_authority(text, authority_len, ret, why);
	if (rc < 0)
		return rc;
	ret->path = text + authority_len;
	ret->path_len = strcspn(ret->path, "?#");
	ret->has_query = ret->path[ret->path_len] != '\0';
	return 0;
}

bool
url_host_is_loopback(const struct url *url)
{
	if (url->host_len == 9 && strncasecmp(url->host, "localhost", 9) == 0)
		return true;
	if (url->host_len > 4 && strncmp(url->host, "127.", 4) == 0)
		return is_address(AF_INET, url->host, url->host_len);
	return url->host_len == 3 && strncmp(url->host, "::1", 3) == 0;
}
