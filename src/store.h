/*
 * store: the state folder, its lock, and what is kept for accounts and orders.
 *
 *	DIR/					0711	path of the configuration's state-dir
 *	    format				0600	version of this layout
 *	    lock				0600	kernel lock of whoever works in here
 *	    index				0600	see index.h
 *	    daemon				0600	lock of the daemon, also while it sleeps
 *	    crls/				0700	see revocation.h
 *	    accounts/				0700
 *		<ca>/				0700	account.key account.json ledger.json
 *	    certs/				0711
 *		<name>/				0711	see install.h for what is in it
 *		    order/			0700	privkey.pem order.json; of a pair, for the
 *							second also privkey-rsa.pem order-rsa.json
 *		    next/			0700	see keys.h
 *
 * Folders on the way to a certificate let everybody pass and nobody list;
 * only the version's own folder and files carry the configured owner and
 * group, so that these may change with the next version and nothing that was
 * published is ever touched. Names come from the configuration and are checked
 * again here. What is inside a version is install's.
 */
#ifndef KAMCERT_STORE_H
#define KAMCERT_STORE_H

#include "base/err.h"
#include "base/fs.h"
#include "base/pack.h"

#define STORE_FORMAT	1
#define STORE_NAME_MAX	200	/* octets of a certificate's or CA's name */

#define STORE_INDEX	"index"

struct store;
struct store_cert;

enum store_use {
	STORE_LOOK,	/* status, check: no lock, nothing is made, swept or changed */
	STORE_WORK,	/* everything else: makes what is missing, takes the lock, sweeps */
};

/*
 * Opens the folder. To work in it drops the index first, so that a run that
 * ends early leaves the next one the slow way. BUSY tells who holds the lock.
 * HOLD before anything is written: unsafe owner or mode, links, a layout of a
 * newer kamcert. STORE_LOOK of a missing folder is HOLD with e->sys ENOENT.
 */
MUST_CHECK int	store_open(const char *dir, enum store_use, struct store **, struct err *e);
void		store_free(struct store *);		/* gives the lock back; NULL allowed */

int		 store_fd(const struct store *);	/* of the folder; borrowed */
bool		 store_is_work(const struct store *);
bool		 store_is_busy(const struct store *);	/* does somebody work in it now? */

/*
 * A certificate's folder; for work it is made if missing, and leftovers of
 * runs that were killed are removed. To look at a missing one is -1 with
 * e->sys == ENOENT. The handle must not outlive the store.
 */
MUST_CHECK int	store_cert_open(struct store *, const char *name, struct store_cert **,
		    struct err *e);
void		store_cert_free(struct store_cert *);	/* NULL allowed */

/* absolute, without slash at its end */
const char	*store_cert_path(const struct store_cert *);
int		 store_cert_fd(const struct store_cert *);	/* borrowed */
/*
 * What else names the active version: called at each switch, before `current`
 * turns, and again when a switch that was cut off is repeated. arg is lent.
 */
typedef int	 store_pointer(void *arg, int64_t version, struct err *e);
void		 store_cert_point(struct store_cert *, store_pointer *, void *arg);
MUST_CHECK int	 store_cert_turn(struct store_cert *, int64_t version, struct err *e);

bool		 store_cert_is_work(const struct store_cert *);

/*
 * Calls back with a descriptor of every certificate's folder there is,
 * configured or not, for looking only. A callback that returns -1 ends it with -1.
 */
MUST_CHECK int	store_each_cert(struct store *, int (*cb)(void *arg, int fd, struct err *e),
		    void *arg, struct err *e);

/* --- files of kamcert alone: 0600, sealed (seal.h), replaced as one --- */

#define STORE_FILE_MAX	(256 * 1024)

/* at is store_fd(), store_cert_fd(), ... */
MUST_CHECK int	store_write(int at, const char *name, const struct buf *sealed, struct err *e);

/*
 * For a file that cannot be used: it is kept as NAME.bad, in the place of an
 * older one. Does not sync.
 */
MUST_CHECK int	store_set_aside(int at, const char *name, struct err *e);

/* --- accounts --- */

struct store_account {
	struct blob	 key_pem;
	char		*url;		/* NULL: not known, to be found again by the key */
	char		*directory;	/* URL of the CA that it is at */
	struct strs	 contact;
	int64_t		 created;	/* unix seconds */
	bool		 was_damaged;	/* not stored: account.json could not be used */
};

extern const struct pack store_account_pack;

/*
 * The account at a CA of the configuration; pack_clear() frees. None at all:
 * -1 with e->sys == ENOENT. A damaged account.json costs only the URL, is
 * told by was_damaged, and stays until one that is saved takes its place. A key
 * that is missing beside an account.json, or that cannot be read, is HOLD: a
 * new account is never made because of it (FAULTS L05).
 */
MUST_CHECK int	store_account_load(struct store *, const char *ca, struct store_account *,
		    struct err *e);

/*
 * The key goes first, when it is not the one on file; then the rest. A damaged account.json is kept
 * as account.json.bad.
 */
MUST_CHECK int	store_account_save(struct store *, const char *ca, const struct store_account *,
		    struct err *e);

/* The folder of a CA, made if missing for work; *fd is the caller's to close. ENOENT as above. */
MUST_CHECK int	store_ca_open(struct store *, const char *ca, int *fd, struct err *e);

/* --- an order under way --- */

struct store_order {
	char		*url;		/* of the order */
	char		*ca;		/* name in the configuration */
	struct strs	 names;		/* that were asked for */
	char		*key_type;
	int64_t		 created;	/* unix seconds */
	struct blob	 key_pem;	/* empty: only the operator has it */
	struct blob	 csr;		/* DER, as sent to finalize */
};

extern const struct pack store_order_pack;

/*
 * Before finalize is sent (FAULTS L08). The key is there before order.json
 * names it. suffix tells the orders of a pair apart, as part_suffix() does.
 */
MUST_CHECK int	store_order_save(struct store_cert *, const char *suffix,
		    const struct store_order *, struct err *e);

/*
 * The order that a run before this one left; pack_clear() frees. None, or
 * none that is complete, is -1 with e->sys == ENOENT. See install_order().
 */
MUST_CHECK int	store_order_load(struct store_cert *, const char *suffix, struct store_order *,
		    struct err *e);

/* When the order turned out to be dead. */
MUST_CHECK int	store_order_drop(struct store_cert *, const char *suffix, struct err *e);

/* All of them, once the certificate is staged. */
MUST_CHECK int	store_orders_drop(struct store_cert *, struct err *e);

#endif
