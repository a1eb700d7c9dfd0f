#include "dns_message.h"

#include <ares.h>
#include <string.h>

#define CLASS_IN	1

/* Compressed names (RFC 1035 section 4.1.4) are c-ares's; r is at one. */
static void
read_name(const struct dns_message *m, struct rd *r, char out[DNS_NAME_MAX + 1])
{
	char *name = NULL;
	long used = 0;
	size_t i, n;

	out[0] = '\0';
	if (!rd_ok(r) || r->n == 0 ||
	    ares_expand_name(r->p, m->all.p, (int)m->all.n, &name, &used) != ARES_SUCCESS) {
		rd_fail(r);
		return;
	}
	n = strlen(name);
	if (n > DNS_NAME_MAX)
		rd_fail(r);
	for (i = 0; n <= DNS_NAME_MAX && i <= n; i++)
		out[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];
	ares_free_string(name);
	(void)rd_bytes(r, (size_t)used);
}

void
dns_message_open(struct dns_message *m, struct span all)
{
	char name[DNS_NAME_MAX + 1];
	unsigned questions;

	m->all = all;
	m->r = rd_of(all);
	if (all.n > UINT16_MAX)
		rd_fail(&m->r);
	(void)rd_u32(&m->r);
	questions = rd_u16(&m->r);
	m->answers = rd_u16(&m->r);
	m->authorities = rd_u16(&m->r);
	(void)rd_u16(&m->r);
	for (; questions > 0 && rd_ok(&m->r); questions--) {
		read_name(m, &m->r, name);
		(void)rd_u32(&m->r);
	}
}

bool
dns_message_next(struct dns_message *m, struct dns_record *out)
{
	unsigned class;
	struct rd data;

	while (rd_ok(&m->r) && m->answers + m->authorities > 0) {
		out->is_answer = m->answers > 0;
		out->target[0] = '\0';
		if (out->is_answer)
			m->answers--;
		else
			m->authorities--;
		read_name(m, &m->r, out->name);
		out->type = rd_u16(&m->r);
		class = rd_u16(&m->r);
		(void)rd_u32(&m->r);
		out->data = rd_vec16(&m->r);
		data = rd_of(out->data);
		if (rd_ok(&m->r) && (out->type == DNS_NS || out->type == DNS_CNAME))
			read_name(m, &data, out->target);
		if (rd_ok(&m->r) && rd_ok(&data) && class == CLASS_IN)
			return true;
	}
	return false;
}

bool
dns_text_is(struct span data, const char *value)
{
	struct rd r = rd_of(data);
	struct span want = span_str(value), part;

	while (rd_ok(&r) && !rd_end(&r)) {
		part = rd_vec8(&r);
		if (part.n > want.n || !span_eq(part, span_of(want.p, part.n)))
			return false;
		want = span_of(want.p + part.n, want.n - part.n);
	}
	return rd_end(&r) && want.n == 0;
}

void
dns_text(struct span data, struct buf *out)
{
	struct rd r = rd_of(data);

	while (rd_ok(&r) && !rd_end(&r))
		buf_put(out, rd_vec8(&r));
	if (!rd_ok(&r))
		buf_fail(out);
}
