#include "controller/mode.h"

#include <stdio.h>
#include <string.h>

const char *mode_name(enum mode mode)
{
	static const char *const names[MODE_COUNT] = {
		[MODE_TAKEOVER] = "takeover", [MODE_COEXIST] = "coexist", [MODE_OBSERVE] = "observe"};

	return names[mode];
}

void mode_init(struct mode_core *m, enum mode_choice choice)
{
	*m = (struct mode_core){.choice = choice};
}

/* ---- facts ---- */

static void rise(struct mode_core *m)
{
	m->row_len = 0;
	m->fallen = false;
}

void mode_set_policies(struct mode_core *m, enum mode_policies policies, const char *lacking, uint64_t now_ms)
{
	if (m->breached && now_ms >= m->breach_ms + MODE_RETRY_MS) {
		m->breached = m->suspected = false; /* the server may have been restarted: see */
		m->in_force_ms = now_ms;
	}
	if (policies == m->policies && strcmp(lacking, m->lacking) == 0)
		return;
	m->policies = policies;
	m->in_force_ms = now_ms;
	m->breached = m->suspected = false;
	(void)snprintf(m->lacking, sizeof(m->lacking), "%s", lacking);
	rise(m);
}

static void fall(struct mode_core *m, uint64_t now_ms)
{
	m->fallen = true;
	m->fallen_overwritten = false;
	for (size_t i = 0; i < m->row_len; i++)
		m->fallen_overwritten = m->fallen_overwritten || m->row_overwritten[i];
	m->retry_ms = now_ms + MODE_RETRY_MS;
}

static bool is_in_grace(const struct mode_core *m, uint64_t now_ms)
{
	return m->policies == MODE_POLICIES_IN_FORCE && now_ms - m->in_force_ms < MODE_GRACE_MS;
}

void mode_breach(struct mode_core *m, uint64_t now_ms)
{
	if (m->policies != MODE_POLICIES_IN_FORCE || m->breached || is_in_grace(m, now_ms))
		return;
	m->breached = m->suspected && now_ms - m->breach_ms < MODE_RETRY_MS;
	m->suspected = true;
	m->breach_ms = now_ms;
}

static void did_not_last(struct mode_core *m, const char *uid, bool overwritten, uint64_t now_ms)
{
	if (overwritten && is_in_grace(m, now_ms))
		return;
	if (m->fallen) {
		m->fallen_overwritten = m->fallen_overwritten || overwritten;
		return;
	}
	for (size_t i = 0; i < m->row_len; i++)
		if (strcmp(m->row[i], uid) == 0) {
			m->row_overwritten[i] = m->row_overwritten[i] || overwritten;
			return;
		}
	(void)snprintf(m->row[m->row_len], sizeof(m->row[0]), "%s", uid);
	m->row_overwritten[m->row_len++] = overwritten;
	if (m->row_len == MODE_PATIENCE)
		fall(m, now_ms);
}

void mode_reverted(struct mode_core *m, const char *uid, uint64_t now_ms)
{
	did_not_last(m, uid, false, now_ms);
}

void mode_overwritten(struct mode_core *m, const char *uid, uint64_t now_ms)
{
	did_not_last(m, uid, true, now_ms);
}

void mode_assigned(struct mode_core *m)
{
	size_t kept = 0;

	if (m->fallen && m->fallen_overwritten)
		return;
	if (m->fallen) {
		rise(m);
		return;
	}
	for (size_t i = 0; i < m->row_len; i++) {
		if (!m->row_overwritten[i])
			continue;
		memmove(m->row[kept], m->row[i], sizeof(m->row[0]));
		m->row_overwritten[kept++] = true;
	}
	m->row_len = kept;
}

void mode_lasted(struct mode_core *m)
{
	/* It may have been written before the fall; that writes are not put back any more shows in new ones.
	 */
	if (m->fallen && !m->fallen_overwritten)
		return;
	rise(m);
}

/* ---- what follows ---- */

bool mode_has_fallen(const struct mode_core *m)
{
	return m->fallen;
}

bool mode_policies_work(const struct mode_core *m)
{
	return m->policies == MODE_POLICIES_IN_FORCE && !m->breached;
}

enum mode mode_of(const struct mode_core *m)
{
	bool in_force = mode_policies_work(m);

	if (m->choice == MODE_CHOOSE_OBSERVE || m->fallen ||
	    (m->choice == MODE_CHOOSE_TAKEOVER && !in_force) ||
	    (m->choice == MODE_AUTO && m->policies == MODE_POLICIES_IN_VAIN))
		return MODE_OBSERVE;
	return in_force && m->choice != MODE_CHOOSE_COEXIST ? MODE_TAKEOVER : MODE_COEXIST;
}

bool mode_wants_takeover(const struct mode_core *m, bool installed)
{
	return m->choice == MODE_CHOOSE_TAKEOVER || (m->choice == MODE_AUTO && installed);
}

bool mode_campaigns(const struct mode_core *m)
{
	return m->choice != MODE_CHOOSE_OBSERVE;
}

static const char *policies_text(const struct mode_core *m)
{
	switch (m->policies) {
	case MODE_POLICIES_UNKNOWN:
		return "the admission policies have not been read yet";
	case MODE_POLICIES_LACKING:
	case MODE_POLICIES_IN_VAIN:
	case MODE_POLICIES_HIDDEN:
		return m->lacking;
	case MODE_POLICIES_IN_FORCE:
		break;
	}
	if (m->breached)
		return "the three admission policies are installed, and yet VMIs have started without our "
		       "CID: the API server does not run them; restart kube-apiserver; they "
		       "are tried again every 10 minutes";
	return "the three admission policies are in force";
}

const char *mode_reason(const struct mode_core *m, char out[static MODE_TEXT_SIZE])
{
	if (m->choice == MODE_CHOOSE_OBSERVE)
		(void)snprintf(out, MODE_TEXT_SIZE, "--mode=observe");
	else if (m->fallen)
		(void)snprintf(out, MODE_TEXT_SIZE,
			       "the CIDs of %d VMIs in a row were %s; one is tried every %d minutes",
			       MODE_PATIENCE,
			       m->fallen_overwritten ? "overwritten by another component"
						     : "put back by another component",
			       MODE_RETRY_MS / 60000);
	else if (m->choice == MODE_CHOOSE_COEXIST)
		(void)snprintf(out, MODE_TEXT_SIZE, "--mode=coexist");
	else if (m->choice == MODE_CHOOSE_TAKEOVER && !mode_policies_work(m))
		(void)snprintf(out, MODE_TEXT_SIZE, "--mode=takeover, but %.200s", policies_text(m));
	else
		(void)snprintf(out, MODE_TEXT_SIZE, "%s", policies_text(m));
	return out;
}

uint64_t mode_deadline(const struct mode_core *m)
{
	uint64_t at_ms = m->fallen ? m->retry_ms : UINT64_MAX;
	uint64_t breach_ends_ms = m->breach_ms + MODE_RETRY_MS;

	return m->breached && breach_ends_ms < at_ms ? breach_ends_ms : at_ms;
}

bool mode_try(struct mode_core *m, uint64_t now_ms)
{
	if (!m->fallen || now_ms < m->retry_ms)
		return false;
	m->retry_ms = now_ms + MODE_RETRY_MS;
	return true;
}
