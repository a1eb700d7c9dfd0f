#include "part.h"

#include <stdio.h>
#include <string.h>

const char *
part_family(const char *key_type)
{
	return strncmp(key_type, "rsa", 3) == 0 ? "rsa" : "ecdsa";
}

const char *
part_suffix(size_t part, const char *key_type)
{
	if (part == 0)
		return "";
	return strcmp(part_family(key_type), "rsa") == 0 ? "-rsa" : "-ecdsa";
}

const char *
part_name(enum part_file file, const char *suffix, char out[PART_NAME_MAX])
{
	static const char *const stems[PART_FILES] = {
		[PART_KEY] = "privkey", [PART_CERT] = "cert", [PART_CHAIN] = "chain",
		[PART_FULL] = "fullchain", [PART_COMBINED] = "combined",
	};

	(void)snprintf(out, PART_NAME_MAX, "%s%s.pem", stems[file], suffix);
	return out;
}
