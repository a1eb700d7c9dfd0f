/*
 * fakes_private: what the files of fakes share.
 */
#ifndef KAMCERT_T_UNIT_FAKES_PRIVATE_H
#define KAMCERT_T_UNIT_FAKES_PRIVATE_H

#include <limits.h>

#include <check.h>

#include "channel.h"
#include "fakes.h"

/* Names of the certificates; path of the roots that vouch for them. */
extern const char *const fake_certs[FAKE_CERTS];
const char *fake_roots(void);

/* A message of the keeper has come. True if nothing shall follow, because the keeper was killed. */
bool	 fake_comes(const char *word);

void	 fake_die(enum role);

void	 fake_net_start(const char *roots);
void	 fake_net_end(void);		/* of a run */
void	 fake_net_finish(void);
void	 fake_net_on_task(void *, struct message *);

/* The channel of a role has ended. */
void	 fake_ended(enum role);

/* fakes_control.c: the process that the server is, and that one of them loads what is active. */
int64_t	 fake_pid(void);
void	 fake_load(size_t server);
const struct handlers *fake_control_handlers(void);
void	 fake_control_finish(void);

/* fakes_conf.c: what the texts of a configuration point to. */
struct fake_settings {
	struct ca_conf		 cas[FAKE_CAS];
	struct challenge_conf	 challenge;
	struct hook_conf	 hooks[FAKE_SERVERS + 1];
	struct cert_conf	 certs[FAKE_CERTS];
	char			*names[FAKE_CERTS];
	char			*key[PART_MAX], *ca_names[FAKE_CAS], *hosts[1], *listen, *command;
	char			 rpc[FAKE_SERVERS][48], verify[FAKE_SERVERS][48];
	char			*verifies[FAKE_SERVERS], *rollback_on[2], *profile,
	    tls_cfg[PATH_MAX];
};

/* Everything is lent by the settings, and by literals. */
void	 fake_conf(struct fake_settings *, struct config *);

/* fakes_courier.c */
void	 fake_courier_start(void);
bool	 fake_is_down(void);
const struct handlers *fake_courier_handlers(void);

/* fakes_names.c: what answer and net find out about names, and where it is put up. */
void	 fake_names_put(const struct msg_put *);
void	 fake_names_on_lookup(void *, struct message *);
void	 fake_names_on_fetch(void *, struct message *);
void	 fake_names_on_find(void *, struct message *);
void	 fake_names_on_await(void *, struct message *);
void	 fake_names_on_record(void *, struct message *);
void	 fake_names_start(void);

/* What is at the URL that the intermediate names (fakes_net.c). */
#define FAKE_LIST_URL	"http://lists.example/1"
void	 fake_net_put_list(struct buf *);

/* The type that names are proven by. */
const char	*fake_challenge(void);

#endif
