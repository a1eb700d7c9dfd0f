/*
 * time: the dates and durations of text.h. All of it is UTC and arithmetic
 * of the proleptic Gregorian calendar; the C library's zones have no say.
 */
#include <stdio.h>
#include <string.h>

#include "text.h"

#define YEAR_ZERO	INT64_C(-62167219200)	/* 0000-01-01T00:00:00Z */
#define YEAR_LAST	INT64_C(253402300799)	/* 9999-12-31T23:59:59Z */

/* --- calendar --- */

/*
 * Days since 1970-01-01 of a date whose year begins in March (so that the
 * leap day comes last) in a cycle of 400 years of 146097 days.
 */
static int64_t
days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t cycle, in_cycle, in_year;

	year += month <= 2 ? -1 : 0;
	cycle = (year >= 0 ? year : year - 399) / 400;
	in_cycle = year - cycle * 400;
	in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return cycle * 146097 + in_cycle * 365 + in_cycle / 4 - in_cycle / 100 + in_year - 719468;
}

int64_t
text_unix(const struct tm *tm)
{
	int64_t month = tm->tm_mon, year = (int64_t)tm->tm_year + 1900;

	year += month / 12;
	month %= 12;
	if (month < 0) {
		month += 12;
		year--;
	}
	return days_of(year, month + 1, 1) * DAY + ((int64_t)tm->tm_mday - 1) * DAY +
	    tm->tm_hour * HOUR + tm->tm_min * MINUTE + tm->tm_sec;
}

void
text_utc(int64_t t, struct tm *out)
{
	int64_t days, secs, cycle, day, year, month;

	t = t < YEAR_ZERO ? YEAR_ZERO : t > YEAR_LAST ? YEAR_LAST : t;
	days = t / DAY - (t % DAY < 0 ? 1 : 0);
	secs = t - days * DAY;
	/* The inverse of days_of(). */
	day = days + 719468;
	cycle = (day >= 0 ? day : day - 146096) / 146097;
	day -= cycle * 146097;
	year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153;
	memset(out, 0, sizeof(*out));
	out->tm_mday = (int)(day - (153 * month + 2) / 5 + 1);
	month += month < 10 ? 3 : -9;
	year += cycle * 400 + (month <= 2 ? 1 : 0);
	out->tm_mon = (int)month - 1;
	out->tm_year = (int)(year - 1900);
	out->tm_yday = (int)(days - days_of(year, 1, 1));
	out->tm_wday = (int)((days % 7 + 11) % 7);
	out->tm_hour = (int)(secs / HOUR);
	out->tm_min = (int)(secs % HOUR / MINUTE);
	out->tm_sec = (int)(secs % MINUTE);
}

const char *
text_time(int64_t t, char out[TIME_TEXT])
{
	struct tm tm;

	text_utc(t, &tm);
	(void)snprintf(out, TIME_TEXT, "%04u-%02u-%02uT%02u:%02u:%02uZ",
	    (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
	    (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100,
	    (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
	return out;
}

/* --- dates --- */

/* A date as it is read, before it is known to exist. */
struct date {
	int64_t year, month, day, hour, min, sec;
};

static int64_t
digits(struct rd *r, size_t n)
{
	int64_t v;

	if (text_number(rd_bytes(r, n), &v) == -1)
		rd_fail(r);
	return v;
}

static void
expect(struct rd *r, const char *what)
{
	if (!span_is(rd_bytes(r, strlen(what)), what))
		rd_fail(r);
}

/* Names are of n octets each; 1 for the first. */
static int64_t
one_of(struct rd *r, const char *names, size_t n)
{
	struct span a = rd_bytes(r, n);

	for (size_t i = 0; rd_ok(r) && i < strlen(names) / n; i++)
		if (span_eq(a, span_of(names + i * n, n)))
			return (int64_t)i + 1;
	rd_fail(r);
	return 0;
}

static int64_t
month_name(struct rd *r)
{
	return one_of(r, "JanFebMarAprMayJunJulAugSepOctNovDec", 3);
}

static void
clock_digits(struct rd *r, struct date *d)
{
	d->hour = digits(r, 2);
	expect(r, ":");
	d->min = digits(r, 2);
	expect(r, ":");
	d->sec = digits(r, 2);
}

/* The offset is in minutes east of UTC. A leap second is the first of the next minute. */
static int
date_unix(const struct date *d, int64_t offset, int64_t *out)
{
	struct tm tm = { .tm_year = (int)d->year - 1900, .tm_mon = (int)d->month - 1,
	    .tm_mday = (int)d->day, .tm_hour = (int)d->hour, .tm_min = (int)d->min,
	    .tm_sec = (int)d->sec };
	int64_t t = text_unix(&tm) - offset * MINUTE;
	struct tm there;

	if (d->month < 1 || d->month > 12 || d->day < 1 || d->hour > 23 || d->min > 59 ||
	    d->sec > 60)
		return -1;
	/* Only an existing day comes back as the same month. */
	text_utc(days_of(d->year, d->month, 1) * DAY + (d->day - 1) * DAY, &there);
	if (there.tm_mon != tm.tm_mon)
		return -1;
	/* RFC 3339 section 5.7: at the end of a day of UTC. */
	if (d->sec == 60 && t % DAY != 0)
		return -1;
	*out = t;
	return 0;
}

static int64_t
read_offset(struct rd *r)
{
	uint8_t sign = rd_u8(r);
	int64_t hours, minutes;

	if (sign == 'Z' || sign == 'z')
		return 0;
	hours = digits(r, 2);
	expect(r, ":");
	minutes = digits(r, 2);
	if ((sign != '+' && sign != '-') || hours > 23 || minutes > 59)
		rd_fail(r);
	return (sign == '-' ? -1 : 1) * (hours * 60 + minutes);
}

int
text_rfc3339(struct span a, int64_t *out)
{
	struct rd r = rd_of(a);
	struct date d = { 0 };
	int64_t offset;
	uint8_t t;

	*out = 0;
	d.year = digits(&r, 4);
	expect(&r, "-");
	d.month = digits(&r, 2);
	expect(&r, "-");
	d.day = digits(&r, 2);
	t = rd_u8(&r);
	if (t != 'T' && t != 't')
		rd_fail(&r);
	clock_digits(&r, &d);
	if (r.n > 0 && r.p[0] == '.') {
		expect(&r, ".");
		(void)digits(&r, 1);
		while (r.n > 0 && r.p[0] >= '0' && r.p[0] <= '9')
			(void)rd_u8(&r);
	}
	offset = read_offset(&r);
	return rd_end(&r) ? date_unix(&d, offset, out) : -1;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static void
read_imf_fixdate(struct rd *r, struct date *d)
{
	(void)one_of(r, "MonTueWedThuFriSatSun", 3);
	expect(r, ", ");
	d->day = digits(r, 2);
	expect(r, " ");
	d->month = month_name(r);
	expect(r, " ");
	d->year = digits(r, 4);
	expect(r, " ");
	clock_digits(r, d);
	expect(r, " GMT");
}

/* "Sun Nov  6 08:49:37 1994" */
static void
read_asctime(struct rd *r, struct date *d)
{
	(void)one_of(r, "MonTueWedThuFriSatSun", 3);
	expect(r, " ");
	d->month = month_name(r);
	expect(r, " ");
	if (r->n > 0 && r->p[0] == ' ') {
		expect(r, " ");
		d->day = digits(r, 1);
	} else {
		d->day = digits(r, 2);
	}
	expect(r, " ");
	clock_digits(r, d);
	expect(r, " ");
	d->year = digits(r, 4);
}

static void
day_in_full(struct rd *r)
{
	static const char *const names[] = { "Monday, ", "Tuesday, ", "Wednesday, ",
	    "Thursday, ", "Friday, ", "Saturday, ", "Sunday, " };

	for (size_t i = 0; i < NITEMS(names); i++)
		if (span_starts(span_of(r->p, r->n), names[i])) {
			expect(r, names[i]);
			return;
		}
	rd_fail(r);
}

/* "Sunday, 06-Nov-94 08:49:37 GMT"; the year is as yet without its century. */
static void
read_rfc850(struct rd *r, struct date *d)
{
	day_in_full(r);
	d->day = digits(r, 2);
	expect(r, "-");
	d->month = month_name(r);
	expect(r, "-");
	d->year = digits(r, 2);
	expect(r, " ");
	clock_digits(r, d);
	expect(r, " GMT");
}

/*
 * RFC 9110 section 5.6.7: what would be more than 50 years ahead lies in the
 * past. By the same measure, what is 50 years ago or more lies ahead.
 */
static int
date_near(struct date *d, int64_t now, int64_t *out)
{
	struct tm then;
	int64_t latest, t;
	int rc = -1;

	text_utc(now, &then);
	d->year += ((int64_t)then.tm_year + 1900) / 100 * 100 + 100;
	then.tm_year += 50;
	latest = text_unix(&then);
	/* A 29th of February may exist in one of the centuries only. */
	for (int i = 0; i < 3 && rc == -1; i++, d->year -= 100)
		if (date_unix(d, 0, &t) == 0 && t <= latest) {
			*out = t;
			rc = 0;
		}
	return rc;
}

int
text_http_date(struct span a, int64_t now, int64_t *out)
{
	struct rd r = rd_of(a);
	struct date d = { 0 };

	*out = 0;
	if (a.n > 3 && a.p[3] == ',')
		read_imf_fixdate(&r, &d);
	else if (a.n > 3 && a.p[3] == ' ')
		read_asctime(&r, &d);
	else {
		read_rfc850(&r, &d);
		return rd_end(&r) ? date_near(&d, now, out) : -1;
	}
	return rd_end(&r) ? date_unix(&d, 0, out) : -1;
}

/* --- durations --- */

static const struct {
	char	unit;
	int64_t	seconds;
} units[] = {
	{ 'd', DAY }, { 'h', HOUR }, { 'm', MINUTE }, { 's', 1 },
};

int
text_duration(const char *in, int64_t *out)
{
	int64_t sum = 0, v;
	size_t n, u = 0;

	*out = 0;
	if (*in == '\0')
		return -1;
	/* Each unit at most once, the larger ones first. */
	for (; *in != '\0'; in += n + 1, u++) {
		n = strspn(in, "0123456789");
		if (text_number(span_of(in, n), &v) == -1)
			return -1;
		while (u < NITEMS(units) && units[u].unit != in[n])
			u++;
		if (u == NITEMS(units) || __builtin_mul_overflow(v, units[u].seconds, &v) ||
		    __builtin_add_overflow(sum, v, &sum))
			return -1;
	}
	*out = sum;
	return 0;
}

/* "2 h 5 min": whole uppers, and lowers where there are any. */
static void
print_two(char *out, int64_t t, int64_t upper, const char *name, const char *lower_name)
{
	int64_t rest = t % upper / (upper == DAY ? HOUR : upper == HOUR ? MINUTE : 1);

	if (rest == 0)
		(void)snprintf(out, SPAN_TEXT, "%jd %s", (intmax_t)(t / upper), name);
	else
		(void)snprintf(out, SPAN_TEXT, "%jd %s %jd %s", (intmax_t)(t / upper), name,
		    (intmax_t)rest, lower_name);
}

const char *
text_span_of_time(int64_t t, char out[SPAN_TEXT])
{
	t = t < 0 ? 0 : t;
	if (t >= 3 * DAY)
		(void)snprintf(out, SPAN_TEXT, "%jd days", (intmax_t)(t / DAY));
	else if (t >= DAY)
		print_two(out, t, DAY, t / DAY == 1 ? "day" : "days", "h");
	else if (t >= HOUR)
		print_two(out, t, HOUR, "h", "min");
	else if (t >= MINUTE)
		print_two(out, t, MINUTE, "min", "s");
	else
		(void)snprintf(out, SPAN_TEXT, "%jd s", (intmax_t)t);
	return out;
}
