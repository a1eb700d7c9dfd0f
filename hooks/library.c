/*
 * library: a library that is loaded when something needs it, and never
 * unloaded: nobody else has it in memory, and kamcert runs on machines
 * without it.
 */
#include <dlfcn.h>
#include <string.h>

#include "hooks/private.h"

int
library_load(const char *name, const struct library_function *functions, size_t n, struct err *e)
{
	void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	void *found;

	if (library == NULL)
		return err_set(e, OUT_HOLD, "%s", dlerror());
	for (size_t i = 0; i < n; i++) {
		if ((found = dlsym(library, functions[i].name)) == NULL)
			return err_set(e, OUT_HOLD, "%s has no %s", name, functions[i].name);
		memcpy(functions[i].where, &found, sizeof(found));
	}
	return 0;
}
