/*
 * index: see index.h.
 *
 *	file = packed struct index, then u64 checksum over it
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "index.h"
#include "part.h"

#define INDEX_FORMAT	2
#define SUM_LEN		8
#define GUESS_MAX	(64 * 1024)	/* octets of the configuration that are looked through */
#define PATH_LEN	(STORE_NAME_MAX + 32)
/* names on a command line; more are looked up the slow way */
#define NAMED_MAX	64
#define NANO		INT64_C(1000000000)

/* Which file it is, and which state of it: ctime changes with mode and owner, too. */
struct ident {
	int64_t	 dev, ino, size, mtime_ns, ctime_ns;
};

/* Of one part, in current/; zero: there is none. */
struct files {
	struct ident	 key, chain;
};

struct entry {
	char		*name;
	int64_t		 next;
	char		*second;	/* suffix of the second part; "": there is none */
	struct files	 part[PART_MAX];
};

struct index {
	int64_t		 format;
	int64_t		 written;	/* unix seconds */
	struct list	 files;		/* struct config_file; the main one first */
	struct list	 entries;	/* struct entry */
};

#define I64(t, field)	{ PACK_I64, offsetof(struct t, field), NULL }

static const struct pack file_pack = PACK(config_file,
	{ PACK_STR, offsetof(struct config_file, path), NULL },
	I64(config_file, dev), I64(config_file, ino), I64(config_file, size),
	I64(config_file, mtime_ns), I64(config_file, ctime_ns));

static const struct pack ident_pack = PACK(ident,
	I64(ident, dev), I64(ident, ino), I64(ident, size), I64(ident, mtime_ns),
	I64(ident, ctime_ns));

static const struct pack files_pack = PACK(files,
	{ PACK_STRUCT, offsetof(struct files, key), &ident_pack },
	{ PACK_STRUCT, offsetof(struct files, chain), &ident_pack });

static const struct pack entry_pack = PACK(entry,
	{ PACK_STR, offsetof(struct entry, name), NULL }, I64(entry, next),
	{ PACK_STR, offsetof(struct entry, second), NULL },
	{ PACK_STRUCT, offsetof(struct entry, part[0]), &files_pack },
	{ PACK_STRUCT, offsetof(struct entry, part[1]), &files_pack });

static const struct pack index_pack = PACK(index,
	I64(index, format), I64(index, written),
	{ PACK_LIST, offsetof(struct index, files), &file_pack },
	{ PACK_LIST, offsetof(struct index, entries), &entry_pack });

/*
 * Not SHA-256, since starting libcrypto would cost more than all the rest. Each
 * step is a bijection of the sum for a given word and of the word for a given
 * sum, so that every change within one word is seen, and any other but for
 * one in 2^64.
 */
static uint64_t
checksum(struct span s)
{
	uint64_t sum = UINT64_C(0x9e3779b97f4a7c15) ^ s.n, word;
	struct rd r = rd_of(s);
	struct span tail;

	while (r.n >= sizeof(word)) {
		memcpy(&word, rd_bytes(&r, sizeof(word)).p, sizeof(word));
		sum = (sum ^ word) * UINT64_C(0xff51afd7ed558ccd);
		sum ^= sum >> 32;
	}
	tail = rd_rest(&r);
	word = 0;
	if (tail.n > 0)
		memcpy(&word, tail.p, tail.n);
	sum = (sum ^ word) * UINT64_C(0xff51afd7ed558ccd);
	return sum ^ sum >> 32;
}

/* --- identities --- */

static struct ident
ident_of(const struct stat *st)
{
	return (struct ident){
		(int64_t)st->st_dev, (int64_t)st->st_ino, (int64_t)st->st_size,
		(int64_t)st->st_mtim.tv_sec * NANO + st->st_mtim.tv_nsec,
		(int64_t)st->st_ctim.tv_sec * NANO + st->st_ctim.tv_nsec,
	};
}

static bool
is_same(const struct ident *a, const struct ident *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	    a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

/* Zero for a file that is not there; -1 for one that cannot be looked at. */
static int
look_at_file(int certs, const char *path, struct ident *out)
{
	struct stat st;

	*out = (struct ident){ 0 };
	if (fstatat(certs, path, &st, 0) == -1)
		return errno == ENOENT ? 0 : -1;
	*out = ident_of(&st);
	return 0;
}

static int
look_at_part(int certs, const char *name, const char *suffix, struct files *out)
{
	static const enum part_file kinds[] = { PART_KEY, PART_FULL };
	struct ident *idents[] = { &out->key, &out->chain };
	char path[PATH_LEN], file[PART_NAME_MAX];
	int n;

	for (size_t i = 0; i < NITEMS(kinds); i++) {
		n = snprintf(path, sizeof(path), "%s/current/%s", name,
		    part_name(kinds[i], suffix, file));
		if (n < 0 || (size_t)n >= sizeof(path) ||
		    look_at_file(certs, path, idents[i]) == -1)
			return -1;
	}
	return 0;
}

/* A certificate with one key has zeros for the second part. */
static int
look_at(int certs, const struct entry *c, struct files out[PART_MAX])
{
	memset(out, 0, PART_MAX * sizeof(*out));
	if (look_at_part(certs, c->name, "", &out[0]) == -1)
		return -1;
	return c->second[0] == '\0' ? 0 : look_at_part(certs, c->name, c->second, &out[1]);
}

/* --- writing --- */

static int
add_files(struct index *x, const struct config *cfg)
{
	const struct config_file *from = cfg->files.v;
	struct config_file *to;

	for (size_t i = 0; i < cfg->files.n; i++) {
		if ((to = list_add(&x->files, sizeof(*to))) == NULL)
			return -1;
		*to = from[i];
		if ((to->path = strdup(from[i].path)) == NULL)
			return -1;
	}
	return 0;
}

static int
add_entries(struct index *x, int certs, const struct index_due *rows, size_t n)
{
	struct entry *to;

	for (size_t i = 0; i < n; i++) {
		if ((to = list_add(&x->entries, sizeof(*to))) == NULL ||
		    (to->name = strdup(rows[i].name)) == NULL ||
		    (to->second = strdup(rows[i].second != NULL ? rows[i].second : "")) == NULL)
			return -1;
		to->next = rows[i].next;
		/* What cannot be looked at is looked at in every run. */
		if (look_at(certs, to, to->part) == -1)
			to->next = 0;
	}
	return 0;
}

int
index_write(struct store *s, const struct config *cfg, const struct index_due *rows, size_t n,
    int64_t now, struct err *e)
{
	struct index x = { .format = INDEX_FORMAT, .written = now };
	int certs = -1, rc = -1;
	struct buf file;

	buf_init(&file, INDEX_MAX);
	if (n > PACK_MAX_ITEMS)
		return err_set(e, OUT_HOLD, "index: want at most %d certificates", PACK_MAX_ITEMS);
	if (fs_open_dir(store_fd(s), "certs", &certs, e) == -1)
		goto out;
	if (add_files(&x, cfg) == -1 || add_entries(&x, certs, rows, n) == -1) {
		(void)err_nomem(e);
		goto out;
	}
	pack_write(&index_pack, &x, &file);
	buf_u64(&file, checksum(buf_span(&file)));
	if (!buf_ok(&file))
		(void)err_nomem(e);
	else
		rc = store_write(store_fd(s), STORE_INDEX, &file, e);
out:
	pack_clear(&index_pack, &x);
	buf_clear(&file);
	fs_close(&certs);
	return rc;
}

/* --- where it is --- */

static struct span
skip_blanks(struct rd *r)
{
	while (r->n > 0 && (*r->p == ' ' || *r->p == '\t'))
		(void)rd_u8(r);
	return span_of(r->p, r->n);
}

/* state-dir = "..." at the begin of a line; NULL for any other line. */
static char *
read_line(struct span line)
{
	static const char option[] = "state-dir";
	struct rd r = rd_of(line);
	const uint8_t *end;
	uint8_t quote;

	if (!span_starts(skip_blanks(&r), option))
		return NULL;
	(void)rd_bytes(&r, strlen(option));
	(void)skip_blanks(&r);
	if (rd_u8(&r) != '=')
		return NULL;
	(void)skip_blanks(&r);
	quote = rd_u8(&r);
	if ((quote != '"' && quote != '\'') || r.n == 0 || (end = memchr(r.p, quote, r.n)) == NULL)
		return NULL;
	return span_dup(rd_bytes(&r, (size_t)(end - r.p)));
}

/* The folder that the configuration seems to name, else the default; the caller's. */
static char *
guess_dir(int config, const char *fallback)
{
	uint8_t *text = malloc(GUESS_MAX);
	char *dir = NULL;
	struct span line;
	struct rd r;
	ssize_t n;

	if (text == NULL)
		return NULL;
	if ((n = pread(config, text, GUESS_MAX, 0)) > 0) {
		r = rd_of(span_of(text, (size_t)n));
		while (dir == NULL && rd_line(&r, &line))
			dir = read_line(line);
	}
	free(text);
	return dir != NULL ? dir : strdup(fallback);
}

/* --- reading --- */

static int
parse(struct span octets, struct index *x)
{
	struct rd r = rd_of(octets);

	if (pack_read(&index_pack, &r, x) == -1)
		return -1;
	if (rd_end(&r) && x->format == INDEX_FORMAT)
		return 0;
	pack_clear(&index_pack, x);
	return -1;
}

bool
index_is_sound(struct span octets)
{
	struct index x;

	if (parse(octets, &x) == -1)
		return false;
	pack_clear(&index_pack, &x);
	return true;
}

static int
read_index(int root, struct index *x)
{
	struct err ignored;
	struct span octets;
	struct buf file;
	struct rd r;
	int rc = -1;

	*x = (struct index){ 0 };
	buf_init(&file, INDEX_MAX);
	if (fs_read(root, STORE_INDEX, INDEX_MAX, &file, &ignored) == 0 && file.n >= SUM_LEN) {
		r = rd_of(buf_span(&file));
		octets = rd_bytes(&r, file.n - SUM_LEN);
		if (rd_u64(&r) == checksum(octets))
			rc = parse(octets, x);
	}
	buf_clear(&file);
	return rc;
}

static bool
is_unchanged(const struct config_file *f, const struct stat *st)
{
	struct ident was = { f->dev, f->ino, f->size, f->mtime_ns, f->ctime_ns };
	struct ident is = ident_of(st);

	return is_same(&was, &is);
}

/* The main file is the one that was opened, by whatever path. */
static bool
config_is_same(const struct index *x, int config)
{
	const struct config_file *f = x->files.v;
	struct stat st;

	if (x->files.n == 0 || fstat(config, &st) == -1 || !is_unchanged(&f[0], &st))
		return false;
	for (size_t i = 1; i < x->files.n; i++)
		if (f[i].path == NULL || stat(f[i].path, &st) == -1 || !is_unchanged(&f[i], &st))
			return false;
	return true;
}

static bool
entry_rests(const struct entry *c, int certs, int64_t now)
{
	struct files is[PART_MAX];

	if (c->name == NULL || c->second == NULL || c->next <= now || look_at(certs, c, is) == -1)
		return false;
	for (size_t i = 0; i < PART_MAX; i++)
		if (!is_same(&is[i].key, &c->part[i].key) ||
		    !is_same(&is[i].chain, &c->part[i].chain))
			return false;
	return true;
}

static bool
all_rest(const struct index *x, int certs, int64_t now)
{
	const struct entry *c = x->entries.v;

	for (size_t i = 0; i < x->entries.n; i++)
		if (!entry_rests(&c[i], certs, now))
			return false;
	return true;
}

static bool
named_rest(const struct index *x, int certs, const struct strs *names, int64_t now)
{
	const struct entry *c = x->entries.v;
	size_t k;

	for (size_t i = 0; i < names->n; i++) {
		for (k = 0; k < x->entries.n; k++)
			if (c[k].name != NULL && strcmp(c[k].name, names->v[i]) == 0)
				break;
		if (k == x->entries.n || !entry_rests(&c[k], certs, now))
			return false;
	}
	return true;
}

/* The folder is looked at as for work: what is not safe has to be told. */
static bool
folder_rests(const char *dir, int config, const struct strs *names, int64_t now)
{
	struct index x = { 0 };
	struct err ignored;
	int root = -1, certs = -1;
	bool rests = false;

	if (fs_open_kept(dir, &root, &ignored) == 0 && read_index(root, &x) == 0 &&
	    x.written <= now && config_is_same(&x, config) &&
	    fs_open_dir(root, "certs", &certs, &ignored) == 0)
		rests = names->n == 0 ? all_rest(&x, certs, now) :
		    named_rest(&x, certs, names, now);
	pack_clear(&index_pack, &x);
	fs_close(&certs);
	fs_close(&root);
	return rests;
}

bool
index_nothing_due(const char *config_path, const char *state_dir, const struct strs *names,
    int64_t now)
{
	bool rests = false;
	struct stat st;
	char *dir;
	int fd;

	if (names->n > NAMED_MAX)
		return false;
	if ((fd = open(config_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) == -1)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (dir = guess_dir(fd, state_dir)) != NULL) {
		rests = folder_rests(dir, fd, names, now);
		free(dir);
	}
	fs_close(&fd);
	return rests;
}
