/*
 * config: any octets as a configuration. What is accepted goes through the
 * pack tables and back; what is refused has an error; nothing is included
 * (FAULTS I01).
 */
#include "../../src/config.c"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
must(bool held)
{
	if (!held)
		abort();
}

static bool
ends_with(const char *line, const char *tail)
{
	size_t n = strlen(line), k = strlen(tail);

	return n >= k && strcmp(line + n - k, tail) == 0;
}

static void
count(void *arg, const char *line)
{
	size_t *lines = arg;

	(*lines)++;
	must(span_starts(span_str(line), "fuzz/kamcert.conf:") || *lines == COMPLAINTS_MAX + 1);
	must(strchr(line, '\n') == NULL);
	/* The scan and libconfuse agree on the grammar. */
	must(!ends_with(line, "(or behind this place)"));
	must(!ends_with(line, "cannot be read on from here"));
}

static void
goes_there_and_back(struct config *cfg)
{
	struct buf once, twice;
	struct config copy;
	struct rd r;

	buf_init(&once, 1 << 24);
	buf_init(&twice, 1 << 24);
	pack_write(&config_pack, cfg, &once);
	r = rd_of(buf_span(&once));
	must(pack_read(&config_pack, &r, &copy) == 0 && rd_end(&r));
	pack_write(&config_pack, &copy, &twice);
	must(buf_ok(&once) && span_eq(buf_span(&once), buf_span(&twice)));
	pack_clear(&config_pack, &copy);
	buf_clear(&once);
	buf_clear(&twice);
}

/* What the rest of kamcert relies on. */
static void
is_whole(const struct config *cfg)
{
	const struct cert_conf *c = cfg->certs.v;

	must(cfg->certs.n > 0 && cfg->cas.n > 0 && cfg->state_dir[0] == '/' && cfg->jobs > 0);
	for (size_t i = 0; i < cfg->certs.n; i++) {
		must(c[i].names.n > 0 && c[i].key.n > 0 && c[i].ca.n > 0);
		must(c[i].challenges.n > 0);
		must(strchr(c[i].name, '/') == NULL && c[i].name[0] != '.');
		must(config_ca(cfg, c[i].ca.v[0]) != NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err e = ERR_NONE;
	struct source outer[INCLUDE_MAX] = { { .path = "fuzz/kamcert.conf" } };
	struct config cfg;
	struct reader r;
	uint8_t *text = malloc(n + 1);
	size_t lines = 0;

	must(text != NULL && begin(&r, &cfg, "fuzz/kamcert.conf", &e) == 0);
	if (n > 0)
		memcpy(text, data, n);
	/* As if in the innermost file, so that includes are refused and no file is opened. */
	for (size_t i = 1; i < INCLUDE_MAX; i++)
		outer[i].outer = &outer[i - 1];
	r.source = &outer[INCLUDE_MAX - 1];
	reading = &r;
	read_text(&r, cfg.path, text, n);
	if (end(&r, count, &lines, &e) == 0) {
		must(lines == 0);
		is_whole(&cfg);
		goes_there_and_back(&cfg);
		pack_clear(&config_pack, &cfg);
	} else {
		must(lines > 0 && e.class == OUT_USAGE);
	}
	reading = NULL;
	free(text);
	return 0;
}
