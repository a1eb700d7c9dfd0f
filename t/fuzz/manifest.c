/*
 * The files of the state folder that are read without knowing who wrote them
 * last: journal, manifest, index (FAULTS I08). The first octet chooses. What
 * follows gets a digest that fits, or nothing would come past it. What was
 * read is written and read again, and has not changed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "index.h"
#include "journal.h"
#include "manifest.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
must(bool held)
{
	if (!held)
		abort();
}

/* As seal_end() would have sealed it: the octets up to the last brace are the body. */
static void
seal(struct span body, struct buf *out)
{
	uint8_t digest[SHA256_LEN];

	while (body.n > 0 && (body.p[body.n - 1] == '\n' || body.p[body.n - 1] == '}'))
		body.n--;
	must(sha256(body, digest) == 0);
	buf_put(out, body);
	buf_str(out, ",\"sha256\":\"");
	buf_hex(out, span_of(digest, sizeof(digest)));
	buf_str(out, "\"}\n");
	must(buf_ok(out));
}

static void
try_journal(struct span file)
{
	struct journal j, again;
	struct buf b;
	struct err e;

	if (journal_read(file, &j, &e) == -1) {
		must(j.state == JOURNAL_NONE && e.class != OUT_OK && e.text[0] != '\0');
		return;
	}
	must(j.to > 0 && j.from >= 0 && j.state != JOURNAL_NONE);
	buf_init(&b, JOURNAL_MAX);
	must(journal_write(&j, &b, &e) == 0);
	must(journal_read(buf_span(&b), &again, &e) == 0);
	must(j.state == again.state && j.from == again.from && j.to == again.to &&
	    j.when == again.when);
	buf_clear(&b);
}

static void
try_manifest(struct span file)
{
	struct manifest m, again;
	struct buf b, c;
	struct err e;

	if (manifest_read(file, &m, &e) == -1) {
		must(m.files.n == 0 && m.serial == NULL && e.class != OUT_OK);
		return;
	}
	buf_init(&b, 8 * MANIFEST_MAX);
	buf_init(&c, 8 * MANIFEST_MAX);
	/* Escapes may make it larger than a document may be. */
	if (manifest_write(&m, &b, &e) == 0 && b.n <= JSON_MAX) {
		must(manifest_read(buf_span(&b), &again, &e) == 0);
		must(manifest_write(&again, &c, &e) == 0);
		must(span_eq(buf_span(&b), buf_span(&c)));
		pack_clear(&manifest_pack, &again);
	}
	must(manifest_holds(&m, "privkey.pem", file, &e) == -1);
	pack_clear(&manifest_pack, &m);
	buf_clear(&b);
	buf_clear(&c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_of(span_of(data, size));
	uint8_t choice = rd_u8(&r);
	struct buf file;

	if (choice == 'i') {
		(void)index_is_sound(rd_rest(&r));
		return 0;
	}
	if (size > MANIFEST_MAX)
		return 0;
	buf_init(&file, 2 * MANIFEST_MAX);
	seal(rd_rest(&r), &file);
	if (choice == 'j')
		try_journal(buf_span(&file));
	else
		try_manifest(buf_span(&file));
	buf_clear(&file);
	return 0;
}
