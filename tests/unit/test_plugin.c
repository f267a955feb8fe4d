/* kubectl-vsock without a server: flags, tables, documents, ages, findings and what is read of a VMI. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "controller/plugin/age.h"
#include "controller/plugin/attempt.h"
#include "controller/plugin/document.h"
#include "controller/plugin/findings.h"
#include "controller/plugin/flags.h"
#include "controller/plugin/lack.h"
#include "controller/plugin/pages.h"
#include "controller/plugin/said.h"
#include "controller/plugin/table.h"
#include "support/suite.h"

/* ---- flags ---- */

#define ALL 0xffu

static struct flags flags;
static struct error err;

static int read_words(unsigned int allowed, const char *line)
{
	static char text[256];
	static char *argv[16];
	char *rest = text;
	char *word;
	int argc = 0;

	(void)snprintf(text, sizeof(text), "%s", line);
	while ((word = strsep(&rest, " ")) != NULL)
		argv[argc++] = word;
	argv[argc] = NULL;
	err = (struct error){0};
	return flags_read(&flags, allowed, argc, argv, &err);
}

START_TEST(flags_are_taken_as_kubectl_takes_them)
{
	ck_assert_int_eq(read_words(ALL, "list -n a --context=c -o=json x"), 0);
	ck_assert_str_eq(flags.namespace, "a");
	ck_assert_str_eq(flags.context, "c");
	ck_assert_int_eq(flags.output, FLAGS_JSON);
	ck_assert_int_eq(flags.word_count, 1);
	ck_assert_int_eq(read_words(ALL, "list x -A --output wide y -w --no-headers"), 0);
	ck_assert(flags.all_namespaces && flags.watch && flags.no_headers);
	ck_assert_int_eq(flags.output, FLAGS_WIDE);
	ck_assert_int_eq(flags.word_count, 2);
	ck_assert_int_eq(read_words(ALL, "audit -f a -f b"), 0);
	ck_assert_uint_eq(flags.file_count, 2);
	ck_assert_str_eq(flags.files[1], "b");
	ck_assert_int_eq(read_words(ALL, "audit -f a b c"), 0);
	ck_assert_uint_eq(flags.file_count, 3);
	ck_assert_int_eq(read_words(ALL, "list --watch=false --all-namespaces=true"), 0);
	ck_assert(!flags.watch && flags.all_namespaces);
	ck_assert_int_eq(read_words(ALL, "list --watch=0 --no-headers=T -A=1"), -EINVAL);
	ck_assert_int_eq(read_words(ALL, "list --watch=F --no-headers=T --here=1"), 0);
	ck_assert(!flags.watch && flags.no_headers && flags.here);
	ck_assert_int_eq(read_words(ALL, "probe --node worker-1.example"), 0);
	ck_assert_str_eq(flags.node, "worker-1.example");
}
END_TEST

START_TEST(what_a_command_does_not_take_is_refused_in_one_line)
{
	ck_assert_int_eq(read_words(0, "gate -n a"), -EINVAL);
	ck_assert_str_eq(err.message, "unknown flag -n");
	ck_assert_int_eq(read_words(ALL, "gate --nonsense"), -EINVAL);
	ck_assert_str_eq(err.message, "unknown flag --nonsense");
	ck_assert_int_eq(read_words(ALL, "list -n"), -EINVAL);
	ck_assert_str_eq(err.message, "-n needs a value");
	ck_assert_int_eq(read_words(ALL & ~(unsigned int)FLAGS_ALLOW_NAMES, "list -o name"), -EINVAL);
	ck_assert_int_eq(read_words(ALL, "list -A -n a"), -EINVAL);
	ck_assert_int_eq(read_words(ALL, "list --watch=maybe"), -EINVAL);
	ck_assert_str_eq(err.message, "--watch=maybe: it has to be true or false");
	ck_assert_int_eq(read_words(ALL, "list --no-headers="), -EINVAL);
	ck_assert_int_eq(read_words(ALL, "probe --node a/b"), -EINVAL);
	ck_assert_int_eq(read_words(FLAGS_ALLOW_NAMESPACE, "probe -A"), -EINVAL);
	ck_assert_str_eq(err.message, "unknown flag -A");
	ck_assert_int_eq(read_words(FLAGS_ALLOW_ALL, "audit -A"), 0);
	ck_assert_int_eq(read_words(FLAGS_ALLOW_ALL, "audit -n a"), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.message, "it looks at all namespaces"));
	ck_assert_int_eq(read_words(FLAGS_ALLOW_ALL, "audit --namespace=a"), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.message, "it looks at all namespaces"));
	ck_assert_int_eq(read_words(ALL, "list -n a/../b"), -EINVAL);
	ck_assert_int_eq(read_words(FLAGS_ALLOW_OUTPUT, "gate word"), -EINVAL);
	ck_assert_str_eq(err.message, "unexpected argument 'word'");
}
END_TEST

/* ---- what is printed ---- */

static char printed[8192];

/* What @print writes, in printed. */
static void capture(void (*print)(FILE *out))
{
	FILE *file = fmemopen(printed, sizeof(printed), "w");

	print(file);
	fclose(file);
}

static void print_table(FILE *out)
{
	static const char *const columns[] = {"NAME", "CID", "WHY", NULL};
	struct table t;

	table_begin(&t, out, columns, true);
	ck_assert_int_eq(table_row(&t, (const char *const[]){"a", "70001", ""}), 0);
	ck_assert_int_eq(table_row(&t, (const char *const[]){"größer", "<none>", "be\033[31mll"}), 0);
	ck_assert(table_end(&t));
	table_text(out, "one\033[2Jline\n");
}

START_TEST(tables_are_aligned_and_hold_nothing_that_a_terminal_obeys)
{
	capture(print_table);
	ck_assert_str_eq(printed, "NAME     CID      WHY\n"
				  "a        70001    \n"
				  "größer   <none>   be?[31mll\n"
				  "one?[2Jline?");
}
END_TEST

static void print_paragraphs(FILE *out)
{
	(void)fputs("label: ", out);
	table_line(out, 7, "%s %s",
		   "größer als alles, was in eine Zeile passt, die achtzig Spalten hat und nicht", "mehr");
	table_paragraph(out, 2, "");
	table_paragraph(out, 70, "a-word-that-is-wider-than-what-is-left b");
	table_paragraph(out, 60, "GET /apis/some.group/and/more");
}

START_TEST(texts_are_broken_at_blanks_where_a_terminal_ends)
{
	capture(print_paragraphs);
	ck_assert_str_eq(printed,
			 "label: größer als alles, was in eine Zeile passt, die achtzig Spalten hat und\n"
			 "       nicht mehr\n"
			 "\n"
			 "a-word-that-is-wider-than-what-is-left\n"
			 "                                                                      b\n"
			 "GET\n"
			 "                                                            /apis/some.group/\n"
			 "                                                            and/more\n");
}
END_TEST

static void print_yaml(FILE *out)
{
	json_t *value =
		json_pack("{s:s, s:s, s:s, s:i, s:b, s:[{s:s}], s:[], s:s}", "plain", "word", "bool", "yes",
			  "number", "12", "int", 7, "flag", 1, "list", "a", "b: c", "empty", "lines", "x\ny");

	ck_assert_int_eq(document_print(out, value, FLAGS_YAML), 0);
	json_decref(value);
}

START_TEST(yaml_strings_stay_strings)
{
	capture(print_yaml);
	ck_assert_ptr_nonnull(strstr(printed, "plain: word\n"));
	ck_assert_ptr_nonnull(strstr(printed, "bool: \"yes\"\n"));
	ck_assert_ptr_nonnull(strstr(printed, "number: \"12\"\n"));
	ck_assert_ptr_nonnull(strstr(printed, "int: 7\n"));
	ck_assert_ptr_nonnull(strstr(printed, "flag: true\n"));
	ck_assert_ptr_nonnull(strstr(printed, "empty: []\n"));
}
END_TEST

START_TEST(ages_are_those_of_kubectl)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {{-1, "<unknown>"}, {0, "0s"},          {119, "119s"},     {120, "2m"},
		     {200, "3m20s"},    {600, "10m"},       {10800, "3h"},     {10860, "3h1m"},
		     {36000, "10h"},    {172800, "2d"},     {176400, "2d1h"},  {864000, "10d"},
		     {63072000, "2y"},  {63158400, "2y1d"}, {315360000, "10y"}};
	char out[AGE_SIZE];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		ck_assert_str_eq(age_format(cases[i].seconds, out), cases[i].text);
	ck_assert_str_eq(age_time(0, out), "<unknown>");
	ck_assert_str_eq(age_time(1700000000, out), "2023-11-14T22:13:20Z");
}
END_TEST

/* ---- VMIs ---- */

static int on_value(void *data, int field, const struct json_value *value)
{
	vmi_row_value(data, field, value);
	return 0;
}

static void read_row(struct vmi_row *row, const char *text)
{
	static const struct json_reader_events events = {.value = on_value};
	const struct json_reader_limits limits = {.max_text = 1024};
	struct json_field fields[VMI_ROW_MAX_FIELDS];
	size_t n = vmi_row_fields(fields);
	struct json_filter *filter;
	struct json_reader *reader;

	ck_assert_int_eq(json_filter_create(&filter), 0);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(json_filter_add(filter, NULL, fields[i].path, fields[i].id), 0);
	ck_assert_int_eq(json_reader_create(&reader, filter, &limits, &events, row), 0);
	vmi_row_begin(row);
	ck_assert_int_eq(json_reader_feed(reader, text, strlen(text), NULL), 0);
	vmi_row_end(row);
	json_reader_free(reader);
	json_filter_free(filter);
}

START_TEST(the_writer_of_a_cid_is_known_in_whatever_order_members_come)
{
	struct vmi_row row;

	read_row(&row, "{\"metadata\":{\"managedFields\":[{\"fieldsV1\":{\"f:status\":{\"f:VSOCKCID\":{}}},"
		       "\"manager\":\"us\",\"time\":\"2026-01-01T00:00:00Z\"},{\"fieldsV1\":{\"f:status\":{"
		       "\"f:phase\":{}}},"
		       "\"manager\":\"them\"}]},\"status\":{\"nodeName\":\"n1\"}}");
	ck_assert_str_eq(row.writer, "us");
	ck_assert_str_eq(row.written, "2026-01-01T00:00:00Z");
	ck_assert_str_eq(row.node, "n1");
	read_row(&row,
		 "{\"metadata\":{\"managedFields\":[{\"manager\":\"us\",\"fieldsV1\":{\"f:status\":{}}},"
		 "{\"manager\":\"them\",\"fieldsV1\":{\"f:status\":{\"f:VSOCKCID\":{}}}}]}}");
	ck_assert_str_eq(row.writer, "them");
	read_row(&row, "{\"metadata\":{}}");
	ck_assert_str_eq(row.writer, "");
}
END_TEST

/* ---- findings ---- */

static char found[512];

static int note(void *data, enum finding_kind kind, const struct vmi_row *row, const char *where)
{
	size_t at = strlen(found);

	(void)data;
	(void)snprintf(found + at, sizeof(found) - at, "%s%s:%s%s", at > 0 ? " " : "", finding_name(kind),
		       row->vmi.name, where);
	return 0;
}

static struct vmi_row row_of(const char *name, enum vmi_phase phase, uint32_t cid)
{
	struct vmi_row row;

	vmi_row_begin(&row);
	(void)snprintf(row.vmi.name, sizeof(row.vmi.name), "%s", name);
	row.vmi.phase = phase;
	row.vmi.wants_vsock = true;
	row.vmi.cid_state = cid != 0 ? VMI_CID_PRESENT : VMI_CID_ABSENT;
	row.vmi.cid = cid;
	return row;
}

START_TEST(findings_name_all_owners_of_a_shared_cid)
{
	const struct vmi_row rows[] = {
		row_of("a", VMI_PHASE_RUNNING, 70001), row_of("b", VMI_PHASE_RUNNING, 70002),
		row_of("c", VMI_PHASE_PENDING, 70001), row_of("d", VMI_PHASE_RUNNING, 0),
		row_of("e", VMI_PHASE_PENDING, 0),     row_of("f", VMI_PHASE_RUNNING, 2),
		row_of("g", VMI_PHASE_RUNNING, 9),     row_of("h", VMI_PHASE_SUCCEEDED, 0),
	};
	struct cid_range range;
	struct findings f;

	ck_assert_int_eq(cid_range_init(&range, 100, 1u << 21, NULL, 0, NULL), 0);
	ck_assert_int_eq(findings_init(&f, &range, note, NULL), 0);
	found[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		ck_assert_int_eq(findings_look(&f, &rows[i], ""), 0);
	ck_assert_str_eq(found, "missing:d reserved:f outside:g");
	ck_assert(findings_are_shared(&f));
	found[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		ck_assert_int_eq(findings_look_again(&f, &rows[i], "!"), 0);
	ck_assert_str_eq(found, "duplicate:a! duplicate:c!");
	ck_assert_uint_eq(f.vmis, ARRAY_LEN(rows));
	ck_assert_uint_eq(f.with_cid, 5);
	ck_assert_uint_eq(f.waiting, 1);
	ck_assert_uint_eq(f.count[FINDING_DUPLICATE], 2);
	findings_close(&f);
	cid_range_free(&range);
}
END_TEST

/* ---- files ---- */

static int count_row(void *data, const struct vmi_row *row)
{
	(void)row;
	(*(size_t *)data)++;
	return 0;
}

static int read_text(const char *text, size_t *n)
{
	const struct vmi_list_options options = {.visit = count_row, .data = n};
	char path[] = "/tmp/test_plugin.XXXXXX";
	int fd = mkstemp(path);
	int rc;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	*n = 0;
	err = (struct error){0};
	rc = vmi_list_file(path, &options, &err);
	unlink(path);
	return rc;
}

START_TEST(a_file_is_read_to_its_end_or_refused)
{
	size_t n;

	ck_assert_int_eq(read_text("{\"kind\":\"List\",\"items\":[{\"kind\":\"VirtualMachineInstance\"},"
				   "{\"kind\":\"Pod\"},{\"kind\":\"VirtualMachineInstance\"}]}\n",
				   &n),
			 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(read_text("{\"items\":[]}", &n), 0);
	ck_assert_int_eq(read_text("{\"items\":[{\"kind\":\"VirtualMach", &n), -EBADMSG);
	ck_assert_int_eq(read_text("{\"kind\":\"VirtualMachineInstance\"}", &n), -EBADMSG);
	ck_assert_int_eq(read_text("", &n), -EBADMSG);
	ck_assert_int_eq(read_text("not json", &n), -EBADMSG);
	ck_assert_int_eq(vmi_list_file("/nonexistent/file", &(struct vmi_list_options){0}, &err), -ENOENT);
}
END_TEST

/* ---- why there is none ---- */

START_TEST(what_a_vmi_lacks_is_told_in_a_word)
{
	struct cluster c = {.gate_known = true, .verdict = {.open = true}, .told = json_object()};
	struct vmi_row row = row_of("a", VMI_PHASE_PENDING, 0);

	(void)snprintf(row.vmi.uid, sizeof(row.vmi.uid), "u1");
	ck_assert_str_eq(lack_name(lack_of(&row.vmi, &c)), "waiting");
	c.holding = true;
	ck_assert(said_read(&c.said, SAID_BY_EVENT, "now", "mode observe: so"));
	ck_assert_str_eq(lack_name(lack_of(&row.vmi, &c)), "observe");
	ck_assert_str_eq(lack_text(LACK_OBSERVED, &row.vmi, &c), "mode observe: so");
	c.said = (struct said){0};
	row.vmi.phase = VMI_PHASE_SCHEDULING;
	ck_assert_str_eq(lack_name(lack_of(&row.vmi, &c)), "held");
	json_object_set_new(c.told, "u1",
			    json_pack("{s:s, s:s}", "reason", "FailedSetVSOCKCID", "message",
				      "another component put the old status back"));
	ck_assert_str_eq(lack_name(lack_of(&row.vmi, &c)), "reverted");
	c.verdict.open = false;
	ck_assert_str_eq(lack_name(lack_of(&row.vmi, &c)), "gate-off");
	row.vmi.phase = VMI_PHASE_RUNNING;
	ck_assert_str_eq(lack_name(lack_of(&row.vmi, &c)), "too-late");
	row.vmi.wants_vsock = false;
	ck_assert_str_eq(lack_name(lack_of(&row.vmi, &c)), "unwanted");
	row.vmi.cid_state = VMI_CID_PRESENT;
	ck_assert_str_eq(lack_name(lack_of(&row.vmi, &c)), "");
	json_decref(c.told);
}
END_TEST

/* ---- what the controller says of its mode ---- */

START_TEST(the_mode_is_what_the_pod_that_leads_says)
{
	static const char standby[] =
		"[+]settings ok\ngate open: x\nmode coexist: no policies\nstandby, a leads\n";
	static const char leader[] = "[-]settings not complete\nmode observe: they were put back\nleading\n";
	static const char observer[] =
		"[+]settings ok\nmode observe: --mode=observe\nstandby, nobody leads\n";
	char source[SAID_SOURCE_SIZE];
	struct said said = {0};
	bool leads;

	ck_assert(!said_read_pod(&said, "b", standby, true, &leads) && !leads);
	ck_assert_int_eq(said.by, SAID_BY_NOBODY);
	ck_assert(!said_read_pod(&said, "c", observer, false, &leads));
	ck_assert(said_read_pod(&said, "c", observer, true, &leads) && !leads);
	ck_assert(said_read_pod(&said, "a", leader, false, &leads) && leads);
	ck_assert(!said_read_pod(&said, "c", observer, true, &leads));
	ck_assert_int_eq(said.mode, MODE_OBSERVE);
	ck_assert_str_eq(said.reason, "they were put back");
	ck_assert_str_eq(said.text, "mode observe: they were put back");
	ck_assert_str_eq(said_source(&said, source), " (pod a says so)");
	ck_assert(!said_read(&said, SAID_BY_EVENT, "now", "mode new: of a later version"));
	ck_assert(!said_read(&said, SAID_BY_EVENT, "now", "no mode"));
	ck_assert_str_eq(said.source, "a");
	ck_assert(said_read(&said, SAID_BY_EVENT, "now", "mode takeover: in force"));
	ck_assert_str_eq(said_source(&said, source), " (its event of now)");
}
END_TEST

/* ---- lists ---- */

START_TEST(a_list_that_never_ends_is_given_up)
{
	struct pages p = {0};
	char token[16];
	int rc = 0;

	ck_assert_int_eq(pages_go_on(&p, "a", &err), 0);
	ck_assert_int_eq(pages_go_on(&p, "b", &err), 0);
	ck_assert_int_eq(pages_go_on(&p, "b", &err), -EPROTO);
	p = (struct pages){0};
	for (size_t i = 0; i < PAGES_MAX && rc == 0; i++) {
		(void)snprintf(token, sizeof(token), "%zu", i);
		rc = pages_go_on(&p, token, &err);
	}
	ck_assert_int_eq(rc, -EPROTO);
	ck_assert_uint_eq(p.count, PAGES_MAX);
}
END_TEST

/* ---- whether AF_VSOCK can be used ---- */

START_TEST(what_an_attempt_says_is_no_more_than_what_it_shows)
{
	static const struct {
		struct attempt attempt;
		const char *result;
		const char *message; /* how it begins */
	} cases[] = {
		{{0}, "open", "open: "},
		{{.low_errno = EADDRINUSE, .high_errno = EADDRINUSE}, "open", "open: "},
		{{.low_errno = EACCES}, "privileged-port-refused", "open, but for privileged ports"},
		{{.low_errno = EACCES, .high_errno = EADDRINUSE}, "privileged-port-refused", "open, but"},
		{{.low_errno = EACCES, .high_errno = EACCES}, "unknown", "not known"},
		{{.high_errno = EPERM}, "unknown", "not known"},
		{{.low_errno = EPERM}, "unknown", "not known"},
		{{.socket_errno = EPERM, .has_filter = true}, "blocked", "blocked by seccomp: "},
		{{.socket_errno = ENOSYS, .has_filter = true}, "blocked", "blocked by seccomp: "},
		{{.socket_errno = EPERM}, "blocked", "blocked, but not by seccomp: "},
		{{.socket_errno = EACCES, .has_filter = true}, "blocked", "blocked, but not by seccomp: "},
		{{.socket_errno = EAFNOSUPPORT, .has_filter = true},
		 "unsupported",
		 "not supported by the kernel"},
		{{.socket_errno = EMFILE}, "unknown", "not known"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		json_t *said = attempt_describe(&cases[i].attempt);
		const char *message = json_string_value(json_object_get(said, "message"));

		ck_assert_str_eq(json_string_value(json_object_get(said, "result")), cases[i].result);
		ck_assert_msg(strncmp(message, cases[i].message, strlen(cases[i].message)) == 0, "%s",
			      message);
		json_decref(said);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		flags_are_taken_as_kubectl_takes_them,
		what_a_command_does_not_take_is_refused_in_one_line,
		tables_are_aligned_and_hold_nothing_that_a_terminal_obeys,
		texts_are_broken_at_blanks_where_a_terminal_ends,
		yaml_strings_stay_strings,
		ages_are_those_of_kubectl,
		the_writer_of_a_cid_is_known_in_whatever_order_members_come,
		findings_name_all_owners_of_a_shared_cid,
		a_file_is_read_to_its_end_or_refused,
		what_a_vmi_lacks_is_told_in_a_word,
		the_mode_is_what_the_pod_that_leads_says,
		a_list_that_never_ends_is_given_up,
		what_an_attempt_says_is_no_more_than_what_it_shows,
	};

	return suite_run("plugin", tests, ARRAY_LEN(tests));
}
