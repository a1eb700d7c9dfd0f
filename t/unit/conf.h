/*
 * conf: reading configurations in tests: in a folder of its own each, with
 * all that is said.
 */
#ifndef KAMCERT_T_UNIT_CONF_H
#define KAMCERT_T_UNIT_CONF_H

#include "tree.h"

#include "base/fs.h"
#include "config_parts.h"

#define MAIN	"kamcert.conf"
#define CERT	"certificate \"a.example.com\" { }\n"

static struct config cfg;
static struct buf said;

static inline void
conf_start(void)
{
	tree_start();
	ck_assert_int_eq(chdir(top), 0);
	buf_init(&said, 1 << 20);
}

static inline void
conf_finish(void)
{
	ck_assert_int_eq(chdir("/"), 0);
	buf_clear(&said);
	tree_finish();
}

static inline void
hear(void *arg, const char *line)
{
	buf_printf(arg, "%s\n", line);
}

/* 0 or -1, and all that was said. */
static inline int
read_config(const char *path)
{
	buf_reset(&said);
	return config_read(path, &cfg, hear, &said, &e);
}

static inline void
accept_text(const char *text)
{
	tree_file(MAIN, text);
	ck_assert_msg(read_config(MAIN) == 0, "%s", buf_cstr(&said));
	ck_assert_str_eq(buf_cstr(&said), "");
}

static inline void
expect_said(const char *what, const char *want)
{
	ck_assert_msg(read_config(MAIN) == -1, "%s: want an error", what);
	ck_assert_int_eq(e.class, OUT_USAGE);
	ck_assert_ptr_null(cfg.certs.v);
	ck_assert_msg(strcmp(buf_cstr(&said), want) == 0, "%s: got:\n%swant:\n%s", what,
	    buf_cstr(&said), want);
}

static inline const struct cert_conf *
cert_at(size_t i)
{
	ck_assert_uint_lt(i, cfg.certs.n);
	return (const struct cert_conf *)cfg.certs.v + i;
}

static inline const struct hook_conf *
hook_of(const struct cert_conf *c, size_t i)
{
	ck_assert_uint_lt(i, c->hooks.n);
	return (const struct hook_conf *)c->hooks.v + i;
}

static inline void
expect_strs(const struct strs *s, const char *want)
{
	struct buf b;

	buf_init(&b, 1000);
	for (size_t i = 0; i < s->n; i++)
		buf_printf(&b, "%s%s", i > 0 ? " " : "", s->v[i]);
	ck_assert_str_eq(buf_cstr(&b), want);
	buf_clear(&b);
}

#endif
