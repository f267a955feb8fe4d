#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/continue_token.h"
#include "apisim/json_patch.h"
#include "apisim/merge_patch.h"
#include "apisim/must.h"
#include "apisim/tree_write.h"
#include "base/rng.h"
#include "support/suite.h"

/* Parses, and writes again as the server would; "!" and the error where it does not parse. Caller frees. */
static char *rewritten(const char *text)
{
	struct tree t;
	struct node *root;
	struct buf out;

	tree_init(&t);
	must_buf(&out);
	root = tree_parse(&t, text, strlen(text));
	if (root != NULL)
		tree_write(&out, root);
	else
		must_printf(&out, "!%s", t.error);
	tree_free(&t);
	return buf_steal(&out);
}

static void expect_rewritten(const char *text, const char *wanted)
{
	AUTO_FREE char *got = rewritten(text);

	ck_assert_str_eq(got, wanted);
}

START_TEST(a_document_is_written_as_go_writes_it)
{
	expect_rewritten(" { \"b\" : [ ] , \"a\" : { } } ", "{\"a\":{},\"b\":[]}");
	expect_rewritten("{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}");
	expect_rewritten("\"<&>/\\u00e9\\/\\ud83d\\ude00\\ud800\\u0000\"",
			 "\"\\u003c\\u0026\\u003e/\xc3\xa9/\xf0\x9f\x98\x80\xef\xbf\xbd\\u0000\"");
	expect_rewritten("\"a\xff\"", "\"a\xef\xbf\xbd\"");
	expect_rewritten("[1e3,1.0,-0,0.1,1e-7,1e21,18446744073709551616]",
			 "[1000,1,0,0.1,1e-7,1e+21,18446744073709552000]");
	expect_rewritten("[9223372036854775807,-9223372036854775808,123456789012345678901]",
			 "[9223372036854775807,-9223372036854775808,123456789012345680000]");
}
END_TEST

START_TEST(a_broken_document_is_refused_in_gos_words)
{
	expect_rewritten("", "!unexpected end of JSON input");
	expect_rewritten("{\"a\":1", "!unexpected end of JSON input");
	expect_rewritten("hello", "!invalid character 'h' looking for beginning of value");
	expect_rewritten("{} x", "!invalid character 'x' after top-level value");
	expect_rewritten("[1,]", "!invalid character ']' looking for beginning of value");
	expect_rewritten("{\"a\":1,}", "!invalid character '}' looking for beginning of object key string");
	expect_rewritten("{\"a\" 1}", "!invalid character '1' after object key");
	expect_rewritten("[1 2]", "!invalid character '2' after array element");
	expect_rewritten("079", "!invalid character '7' after top-level value");
	expect_rewritten("\"\n\"", "!invalid character '\\x0a' in string literal");
}
END_TEST

START_TEST(nesting_has_a_limit)
{
	size_t depth = TREE_MAX_DEPTH + 1;
	AUTO_FREE char *text = must_alloc(2 * depth + 1);
	AUTO_FREE char *deep = NULL;

	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	deep = rewritten(text);
	ck_assert_str_eq(deep, "!invalid character '[' exceeded max depth");
	text[2 * depth - 1] = '\0';
	expect_rewritten(text + 1, text + 1);
}
END_TEST

static json_t *random_value(struct rng *rng, int depth)
{
	static const char *const texts[] = {"", "plain", "quote\"", "back\\slash", "\xc3\xa9", "tab\t", "<"};
	uint64_t kind = rng_below(rng, depth > 0 ? 7 : 5);
	json_t *value;

	if (kind == 0)
		return json_null();
	if (kind == 1)
		return json_boolean(rng_below(rng, 2));
	if (kind == 2)
		return json_integer((json_int_t)rng_u64(rng));
	if (kind <= 4)
		return json_string(texts[rng_below(rng, ARRAY_LEN(texts))]);
	value = kind == 5 ? json_array() : json_object();
	for (uint64_t i = rng_below(rng, 6); i > 0; i--) {
		if (kind == 5)
			json_array_append_new(value, random_value(rng, depth - 1));
		else
			json_object_set_new(value, texts[rng_below(rng, ARRAY_LEN(texts))],
					    random_value(rng, depth - 1));
	}
	return value;
}

START_TEST(what_is_written_says_the_same_as_jansson_reads)
{
	uint64_t seed = 20260101;
	struct rng rng;

	rng_init_seeded(&rng, seed);
	for (int i = 0; i < 2000; i++) {
		json_t *value = random_value(&rng, 4);
		AUTO_FREE char *text = json_dumps(value, JSON_ENCODE_ANY | (i % 2 ? JSON_INDENT(2) : 0));
		AUTO_FREE char *again = rewritten(text);
		json_t *back = json_loads(again, JSON_DECODE_ANY, NULL);

		ck_assert_msg(back != NULL && json_equal(value, back), "seed %llu round %d: %s -> %s",
			      (unsigned long long)seed, i, text, again);
		json_decref(value);
		json_decref(back);
	}
}
END_TEST

/* One edit somewhere in @n, the same for the same generator. */
static void edit(struct tree *t, struct node *n, struct rng *rng)
{
	static const char *const texts[] = {"new", "tab\t", "<"};
	const char *text = texts[rng_below(rng, ARRAY_LEN(texts))];
	struct node *value = node_text(t, text, strlen(text));

	while (n->count > 0 && rng_below(rng, 4) > 0) {
		size_t at = rng_below(rng, n->count);
		struct node *inner = n->kind == NODE_ARRAY ? n->items[at] : n->members[at].value;

		if (inner->kind < NODE_ARRAY)
			break;
		n = inner;
	}
	if (n->kind == NODE_OBJECT && n->count > 0 && rng_below(rng, 2) == 0)
		(void)node_drop(n, n->members[0].key, n->members[0].len);
	else if (n->kind == NODE_OBJECT)
		node_put(t, n, "plain", 5, value);
	else if (n->count > 0 && rng_below(rng, 2) == 0)
		node_erase(n, n->count - 1);
	else
		node_insert(t, n, 0, value);
}

/* Edits @text, and writes what came of it. With @written the parser knows that it is in the writer's own
 * form.
 */
static char *edited(const char *text, struct rng rng, bool written, bool *same)
{
	struct tree t;
	struct node *root;
	struct node *copy;
	struct buf out;

	tree_init(&t);
	must_buf(&out);
	root = written ? tree_parse_written(&t, text, strlen(text)) : tree_parse(&t, text, strlen(text));
	copy = node_copy(&t, root);
	for (uint64_t i = rng_below(&rng, 3); i > 0; i--)
		edit(&t, copy, &rng);
	tree_write(&out, copy);
	*same = tree_write_same(root, copy);
	tree_free(&t);
	return buf_steal(&out);
}

START_TEST(what_was_not_edited_is_copied_and_what_was_is_written_anew)
{
	uint64_t seed = 20260102;
	struct rng rng;

	rng_init_seeded(&rng, seed);
	for (int i = 0; i < 3000; i++) {
		json_t *value = json_pack("[o, o, {s:o}]", random_value(&rng, 4), random_value(&rng, 4), "a",
					  random_value(&rng, 4));
		AUTO_FREE char *source = json_dumps(value, 0);
		AUTO_FREE char *text = rewritten(source);
		bool same[2];
		AUTO_FREE char *plain = edited(text, rng, false, &same[0]);
		AUTO_FREE char *quick = edited(text, rng, true, &same[1]);

		ck_assert_msg(strcmp(plain, quick) == 0 && same[0] == same[1] &&
				      same[0] == (strcmp(text, quick) == 0),
			      "seed %llu round %d: %s -> %s, %s", (unsigned long long)seed, i, text, plain,
			      quick);
		json_decref(value);
	}
}
END_TEST

/* The document after a patch; "422", "panic", or "!" and the text of a complaint. Caller frees. */
static char *patched(const char *doc, const char *patch)
{
	struct tree t;
	struct node *root;
	struct node *ops;
	struct buf out;
	int rc = 0;

	tree_init(&t);
	must_buf(&out);
	root = tree_parse(&t, doc, strlen(doc));
	ops = tree_parse(&t, patch, strlen(patch));
	ck_assert_ptr_nonnull(root);
	ck_assert_ptr_nonnull(ops);
	if (ops->kind == NODE_OBJECT) {
		merge_patch_apply(&t, root, ops);
	} else if (json_patch_check(&t, ops) != NULL) {
		must_printf(&out, "!%s", json_patch_check(&t, ops));
	} else {
		rc = json_patch_apply(&t, &root, ops);
	}
	if (out.len == 0 && rc == 0)
		tree_write(&out, root);
	else if (rc != 0)
		must_text(&out, rc == -EFAULT ? "panic" : "422");
	tree_free(&t);
	return buf_steal(&out);
}

static void expect_patched(const char *doc, const char *patch, const char *wanted)
{
	AUTO_FREE char *got = patched(doc, patch);

	ck_assert_msg(strcmp(got, wanted) == 0, "%s on %s gives %s, not %s", patch, doc, got, wanted);
}

/* One test operation: does it pass? */
static void expect_test(const char *doc, const char *path, const char *value, bool passes)
{
	struct buf patch;

	must_buf(&patch);
	must_printf(&patch, "[{\"op\":\"test\",\"path\":\"%s\"%s%s}]", path,
		    value != NULL ? ",\"value\":" : "", value != NULL ? value : "");
	expect_patched(doc, patch.data, passes ? doc : "422");
	buf_free(&patch);
}

/* kubernetes-client.md PAT-3 */
START_TEST(a_test_for_null_asks_for_absence_below_a_parent_that_is_there)
{
	const char *const values[] = {"null", NULL};

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		expect_test("{\"status\":{\"y\":1}}", "/status/x", values[i], true);
		expect_test("{\"status\":{\"x\":null}}", "/status/x", values[i], true);
		expect_test("{\"status\":{\"x\":{}}}", "/status/x", values[i], false);
		expect_test("{\"status\":{\"x\":[]}}", "/status/x", values[i], false);
		expect_test("{\"status\":{\"x\":\"\"}}", "/status/x", values[i], false);
		expect_test("{\"status\":{\"x\":0}}", "/status/x", values[i], false);
		expect_test("{\"status\":{\"x\":false}}", "/status/x", values[i], false);
		expect_test("{}", "/status/x", values[i], false);
		expect_test("{\"status\":null}", "/status/x", values[i], false);
		expect_test("{\"status\":5}", "/status/x", values[i], false);
		expect_test("{}", "/status", values[i], true);
	}
	expect_test("{\"status\":{}}", "/status/x", "5", false);
	expect_test("{\"status\":{}}", "/status/x", "\"\"", false);
	expect_test("{}", "/status", "{}", false);
}
END_TEST

/* PAT-4 */
START_TEST(operations_deviate_from_the_rfc_as_the_library_does)
{
	expect_patched("{\"a\":{}}", "[{\"op\":\"replace\",\"path\":\"/a/b\",\"value\":1}]",
		       "{\"a\":{\"b\":1}}");
	expect_patched("{}", "[{\"op\":\"replace\",\"path\":\"/a/b\",\"value\":1}]", "422");
	expect_patched("{}", "[{\"op\":\"remove\",\"path\":\"/a\"}]", "422");
	expect_patched("{}", "[{\"op\":\"add\",\"path\":\"/a\"}]", "{\"a\":null}");
	expect_patched("{}", "[{\"op\":\"add\",\"path\":\"a\",\"value\":1}]", "422");
	expect_patched("{\"a\":[1,2]}", "[{\"op\":\"add\",\"path\":\"/a/-\",\"value\":3}]",
		       "{\"a\":[1,2,3]}");
	expect_patched("{\"a\":[1,2]}", "[{\"op\":\"add\",\"path\":\"/a/-1\",\"value\":3}]",
		       "{\"a\":[1,2,3]}");
	expect_patched("{\"a\":[1,2]}", "[{\"op\":\"remove\",\"path\":\"/a/-1\"}]", "{\"a\":[1]}");
	expect_patched("{\"a\":[1,2]}", "[{\"op\":\"add\",\"path\":\"/a/3\",\"value\":3}]", "422");
	expect_patched("{\"a\":null}", "[{\"op\":\"add\",\"path\":\"/a/-\",\"value\":3}]", "422");
	expect_patched("{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/b\"}]", "{\"b\":1}");
	expect_patched("{\"a\":{\"b\":1}}",
		       "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/c\"},"
		       "{\"op\":\"replace\",\"path\":\"/c/b\",\"value\":2}]",
		       "{\"a\":{\"b\":1},\"c\":{\"b\":2}}");
	expect_patched("{}", "[{\"op\":\"frob\",\"path\":\"/a\"}]", "422");
	expect_patched("{}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":[1]}]", "[1]");
	expect_test("{\"a\":[1]}", "/a/1", "null", false);
	expect_test("{\"a\":[1]}", "/a/-", "null", false);
	expect_test("{\"a\":[1]}", "/a/00", "1", true);
}
END_TEST

START_TEST(operations_see_what_earlier_ones_did)
{
	expect_patched("{}",
		       "[{\"op\":\"add\",\"path\":\"/s\",\"value\":{}},{\"op\":\"test\",\"path\":\"/s/x\"},"
		       "{\"op\":\"add\",\"path\":\"/s/x\",\"value\":7},{\"op\":\"test\",\"path\":\"/s/"
		       "x\",\"value\":7}]",
		       "{\"s\":{\"x\":7}}");
	expect_patched("{}",
		       "[{\"op\":\"add\",\"path\":\"/s\",\"value\":1},{\"op\":\"test\",\"path\":\"/"
		       "s\",\"value\":2}]",
		       "422");
}
END_TEST

/* PAT-5 */
START_TEST(a_test_compares_scalars_by_their_text)
{
	expect_test("{\"a\":79}", "/a", "79", true);
	expect_test("{\"a\":79}", "/a", "79.0", false);
	expect_test("{\"a\":79}", "/a", "7.9e1", false);
	expect_test("{\"a\":79}", "/a", "\"79\"", false);
	expect_test("{\"a\":\"x\\u003cy\"}", "/a", "\"x<y\"", false);
	expect_test("{\"a\":\"x\\u003cy\"}", "/a", "\"x\\u003cy\"", true);
	expect_test("{\"a\":\"x\\u003cy\"}", "/a", "\"x\\u003Cy\"", false);
	expect_test("{\"a\":{\"x\":1,\"y\":2}}", "/a", "{\"y\":2,\"x\":1}", true);
	expect_test("{\"a\":{\"x\":1,\"y\":null}}", "/a", "{\"x\":1}", false);
}
END_TEST

/* PAT-6 */
START_TEST(a_null_in_a_tested_array_breaks_the_library)
{
	expect_patched("{\"a\":[1,2]}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":[1,null]}]", "panic");
	expect_patched("{\"a\":[null]}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":[1]}]", "panic");
	expect_patched("{\"a\":[1]}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":[1,null]}]", "422");
}
END_TEST

/* PAT-7 */
START_TEST(slashes_and_tildes_in_keys_are_escaped_in_paths)
{
	expect_test("{\"a/b\":1,\"m~n\":2}", "/a~1b", "1", true);
	expect_test("{\"a/b\":1,\"m~n\":2}", "/m~0n", "2", true);
	expect_test("{\"~1\":1}", "/~01", "1", true);
}
END_TEST

START_TEST(a_patch_of_the_wrong_types_is_refused_before_it_runs)
{
	expect_patched("{}", "\"x\"",
		       "!json: cannot unmarshal string into Go value of type []handlers.jsonPatchOp");
	expect_patched("{}", "[1]",
		       "!json: cannot unmarshal number into Go value of type handlers.jsonPatchOp");
	expect_patched("{}", "[{\"op\":5}]",
		       "!json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string");
	expect_patched("{\"a\":1}", "null", "{\"a\":1}");
	expect_patched("{}", "[null]", "422");
}
END_TEST

/* A patch that doubles a document @rounds times. Caller frees. */
static char *doubling_patch(int rounds)
{
	struct buf patch;

	must_buf(&patch);
	must_text(&patch, "[{\"op\":\"add\",\"path\":\"/a\",\"value\":\"0123456789\"}");
	for (int i = 0; i < rounds; i++)
		must_text(&patch, ",{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"},"
				  "{\"op\":\"add\",\"path\":\"/c\",\"value\":{}},"
				  "{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/c/a\"},"
				  "{\"op\":\"move\",\"from\":\"/b\",\"path\":\"/c/b\"},"
				  "{\"op\":\"move\",\"from\":\"/c\",\"path\":\"/a\"}");
	must_text(&patch, "]");
	return buf_steal(&patch);
}

START_TEST(copies_cannot_grow_a_document_without_bound)
{
	AUTO_FREE char *few = doubling_patch(2);
	AUTO_FREE char *many = doubling_patch(64);

	expect_patched("{}", few,
		       "{\"a\":{\"a\":{\"a\":\"0123456789\",\"b\":\"0123456789\"},"
		       "\"b\":{\"a\":\"0123456789\",\"b\":\"0123456789\"}}}");
	expect_patched("{}", many, "422");
}
END_TEST

START_TEST(a_merge_patch_merges_objects_and_replaces_the_rest)
{
	expect_patched("{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":null,\"d\":3}}",
		       "{\"a\":{\"c\":2,\"d\":3}}");
	expect_patched("{\"a\":[1]}", "{\"a\":{\"x\":null,\"y\":1}}", "{\"a\":{\"y\":1}}");
	expect_patched("{\"a\":{\"x\":1}}", "{\"a\":[null,{\"y\":null}]}", "{\"a\":[null,{\"y\":null}]}");
	expect_patched("{}", "{\"a\":{\"b\":{\"c\":null}},\"d\":[{\"e\":null}]}",
		       "{\"a\":{\"b\":{}},\"d\":[{}]}");
	expect_patched("{\"a\":1}", "{\"a\":null,\"b\":null}", "{}");
}
END_TEST

static void expect_token(const char *token, int64_t rv, const char *start, bool after)
{
	struct continue_token got = {.rv = 0};
	AUTO_BUF struct buf why;

	must_buf(&why);
	must_buf(&got.start);
	ck_assert_msg(continue_token_read(token, &got, &why) == 0, "%s", buf_str(&why));
	ck_assert_int_eq(got.rv, rv);
	ck_assert_str_eq(buf_str(&got.start), start);
	ck_assert_int_eq(got.after, after);
	buf_free(&got.start);
}

START_TEST(a_continue_token_comes_back_as_it_was_made)
{
	static const char *const starts[] = {"/a", "/ns/name", "/x/y.z-1"};

	/* As made by kube-apiserver for {"v":"meta.k8s.io/v1","rv":712,"start":"/b\u0000"}. */
	expect_token("eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NzEyLCJzdGFydCI6Ii9iXHUwMDAwIn0", 712, "b", true);
	for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
		AUTO_BUF struct buf token;

		must_buf(&token);
		continue_token_write(&token, -1, starts[i], i % 2 == 0);
		expect_token(token.data, -1, starts[i] + 1, i % 2 == 0);
	}
}
END_TEST

/* LST-5: a malformed token is a 400 and not a 410. */
START_TEST(a_malformed_continue_token_is_told_apart)
{
	static const struct {
		const char *token, *why;
	} rows[] = {
		{"!!!", "illegal base64 data at input byte 0"},
		{"eHl6", "invalid character 'x' looking for beginning of value"},
		{"e30", "server does not recognize this encoded version "},
		{"eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ",
		 "incorrect encoded start resourceVersion (version meta.k8s.io/v1)"},
		{"eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NX0",
		 "encoded start key empty (version meta.k8s.io/v1)"},
		{"eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NSwic3RhcnQiOiIuLi9hIn0", "../a"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct continue_token got = {.rv = 0};
		AUTO_BUF struct buf why;
		AUTO_BUF struct buf wanted;

		must_buf(&why);
		must_buf(&wanted);
		must_buf(&got.start);
		must_printf(&wanted, "invalid continue token: continue key is not valid: %s", rows[i].why);
		ck_assert_int_eq(continue_token_read(rows[i].token, &got, &why), -EINVAL);
		ck_assert_str_eq(buf_str(&why), wanted.data);
		buf_free(&got.start);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_document_is_written_as_go_writes_it,
		a_broken_document_is_refused_in_gos_words,
		nesting_has_a_limit,
		what_is_written_says_the_same_as_jansson_reads,
		what_was_not_edited_is_copied_and_what_was_is_written_anew,
		a_test_for_null_asks_for_absence_below_a_parent_that_is_there,
		operations_deviate_from_the_rfc_as_the_library_does,
		operations_see_what_earlier_ones_did,
		a_test_compares_scalars_by_their_text,
		a_null_in_a_tested_array_breaks_the_library,
		slashes_and_tildes_in_keys_are_escaped_in_paths,
		a_patch_of_the_wrong_types_is_refused_before_it_runs,
		copies_cannot_grow_a_document_without_bound,
		a_merge_patch_merges_objects_and_replaces_the_rest,
		a_continue_token_comes_back_as_it_was_made,
		a_malformed_continue_token_is_told_apart,
	};

	return suite_run("apisim", tests, ARRAY_LEN(tests));
}
