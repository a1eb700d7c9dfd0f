/*
 * map: octet strings to pointers, and arrays of pointers that grow.
 */
#ifndef KAMCERT_RESPONDER_MAP_H
#define KAMCERT_RESPONDER_MAP_H

#include "base/bytes.h"

struct map_node;
struct map {
	struct map_node	**slots;
	size_t		  nslots;
	size_t		  n;
};

void		*map_get(const struct map *, struct span key);	/* NULL if it is not there */
/* the key is copied; -1 without memory */
MUST_CHECK int	 map_put(struct map *, struct span key, void *value);
/* removes it; NULL if it was not there */
void		*map_take(struct map *, struct span key);
/* NULL: values are not freed */
void		 map_clear(struct map *, void (*free_value)(void *));

/* A growing array of pointers. -1 without memory. */
struct vec {
	void	**v;
	size_t	  n;
};

MUST_CHECK int	vec_add(struct vec *, void *);
void		vec_clear(struct vec *, void (*free_value)(void *));

#endif
