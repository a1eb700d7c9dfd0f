/*
 * map: a chained hash table from octet strings to pointers, and an array of pointers.
 */
#include <stdlib.h>
#include <string.h>

#include "responder/map.h"

struct map_node {
	struct map_node	*next;
	uint64_t	 hash;
	void		*value;
	uint32_t	 n;
	uint8_t		 key[];
};

/* FNV-1a; a flood of chosen keys would slow down nobody but the tester who sends it. */
static uint64_t
hash_of(struct span key)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < key.n; i++)
		h = (h ^ key.p[i]) * 1099511628211u;
	return h ^ (h >> 32);
}

static struct map_node **
find(const struct map *m, struct span key, uint64_t hash)
{
	struct map_node **at = &m->slots[hash & (m->nslots - 1)];

	while (*at != NULL && ((*at)->hash != hash ||
	    !span_eq(span_of((*at)->key, (*at)->n), key)))
		at = &(*at)->next;
	return at;
}

static int
grow(struct map *m)
{
	size_t n = m->nslots == 0 ? 16 : m->nslots * 2;
	struct map_node **slots, *node, *next;

	if ((slots = calloc(n, sizeof(struct map_node *))) == NULL)
		return -1;
	for (size_t i = 0; i < m->nslots; i++)
		for (node = m->slots[i]; node != NULL; node = next) {
			next = node->next;
			node->next = slots[node->hash & (n - 1)];
			slots[node->hash & (n - 1)] = node;
		}
	free(m->slots);
	m->slots = slots;
	m->nslots = n;
	return 0;
}

void *
map_get(const struct map *m, struct span key)
{
	struct map_node *node;

	if (m->n == 0)
		return NULL;
	node = *find(m, key, hash_of(key));
	return node != NULL ? node->value : NULL;
}

int
map_put(struct map *m, struct span key, void *value)
{
	uint64_t hash = hash_of(key);
	struct map_node **at, *node;

	if (m->n >= m->nslots && grow(m) == -1)
		return -1;
	if (*(at = find(m, key, hash)) != NULL) {
		(*at)->value = value;
		return 0;
	}
	if ((node = malloc(sizeof(*node) + key.n)) == NULL)
		return -1;
	node->next = NULL;
	node->hash = hash;
	node->value = value;
	node->n = (uint32_t)key.n;
	if (key.n != 0)
		memcpy(node->key, key.p, key.n);
	*at = node;
	m->n++;
	return 0;
}

void *
map_take(struct map *m, struct span key)
{
	struct map_node **at, *node;
	void *value;

	if (m->n == 0 || *(at = find(m, key, hash_of(key))) == NULL)
		return NULL;
	node = *at;
	*at = node->next;
	value = node->value;
	free(node);
	m->n--;
	return value;
}

void
map_clear(struct map *m, void (*free_value)(void *))
{
	struct map_node *node, *next;

	for (size_t i = 0; i < m->nslots; i++)
		for (node = m->slots[i]; node != NULL; node = next) {
			next = node->next;
			if (free_value != NULL)
				free_value(node->value);
			free(node);
		}
	free(m->slots);
	*m = (struct map){ NULL, 0, 0 };
}

int
vec_add(struct vec *v, void *item)
{
	void **grown;

	/* Grows at powers of two. */
	if ((v->n & (v->n - 1)) == 0) {
		grown = realloc(v->v, (v->n == 0 ? 1 : v->n * 2) * sizeof(void *));
		if (grown == NULL)
			return -1;
		v->v = grown;
	}
	v->v[v->n++] = item;
	return 0;
}

void
vec_clear(struct vec *v, void (*free_value)(void *))
{
	for (size_t i = 0; free_value != NULL && i < v->n; i++)
		free_value(v->v[i]);
	free(v->v);
	*v = (struct vec){ NULL, 0 };
}
