/*
 * tlscfg: any octets as a tls.cfg. What is accepted has what the rest of
 * kamcert relies on, and is read the same way twice; what is refused says
 * where, and leaves nothing behind.
 */
#include <stdlib.h>
#include <string.h>

#include "hooks/release.h"
#include "tlscfg.h"

#define PACKED_MAX	(1 << 24)

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
must(bool held)
{
	if (!held)
		abort();
}

static void
is_whole(const struct tlscfg *cfg)
{
	const struct tlscfg_profile *p = cfg->profiles.v;
	char label[TLSCFG_LABEL];
	size_t defaults = 0;

	for (size_t i = 0; i < cfg->profiles.n; i++, p++) {
		must(p->where != NULL && (p->kind == TLSCFG_SERVER || p->kind == TLSCFG_CLIENT));
		defaults += strcmp(p->where, "default") == 0;
		must(tlscfg_label(p, label)[0] == '[');
		must(tlscfg_choose(cfg, p->where, p->server_name)->kind == TLSCFG_SERVER);
		must(!tlscfg_hides_names(cfg, p) || tlscfg_choose(cfg, p->where, NULL) == p);
	}
	must(defaults == 2);
	must(strcmp(tlscfg_choose(cfg, NULL, NULL)->where, "default") == 0);
}

static void
is_the_same_again(const struct tlscfg_in *in, const struct tlscfg *cfg)
{
	struct err e = ERR_NONE;
	struct tlscfg again;
	struct buf a, b;

	buf_init(&a, PACKED_MAX);
	buf_init(&b, PACKED_MAX);
	must(tlscfg_read(in, &again, &e) == 0);
	pack_write(&tlscfg_pack, cfg, &a);
	pack_write(&tlscfg_pack, &again, &b);
	must(buf_ok(&a) && span_eq(buf_span(&a), buf_span(&b)));
	pack_clear(&tlscfg_pack, &again);
	buf_clear(&a);
	buf_clear(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const int64_t releases[] = { -1, RELEASE(5, 6, 3), RELEASE(6, 0, 0),
	    RELEASE(6, 2, 0) };
	struct tlscfg_in in = { .name = "fuzz/tls.cfg", .base_dir = "/etc/kamailio" };
	struct err e = ERR_NONE;
	struct tlscfg cfg;

	if (n == 0)
		return 0;
	in.release = releases[data[0] % NITEMS(releases)];
	in.work_dir = (data[0] & 4) != 0 ? "/" : NULL;
	in.text = span_of(data + 1, n - 1);
	if (tlscfg_read(&in, &cfg, &e) == 0) {
		is_whole(&cfg);
		is_the_same_again(&in, &cfg);
		pack_clear(&tlscfg_pack, &cfg);
	} else {
		must(e.class == OUT_HOLD && strncmp(e.text, in.name, strlen(in.name)) == 0);
		must(cfg.profiles.v == NULL && cfg.profiles.n == 0);
	}
	return 0;
}
