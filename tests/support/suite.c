#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>

#define SUITE_DEFAULT_TIMEOUT_S 60

static double suite_timeout(void)
{
	const char *text = getenv("CK_DEFAULT_TIMEOUT");

	return text != NULL ? atof(text) : SUITE_DEFAULT_TIMEOUT_S;
}

int suite_run(const char *name, const TTest *const *tests, size_t count)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner;
	int run;
	int failed;

	tcase_set_timeout(tcase, suite_timeout());
	for (size_t i = 0; i < count; i++)
		_tcase_add_test(tcase, tests[i], 0, 0, 0, 1);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	run = srunner_ntests_run(runner);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	printf("%s: %d passed, %d failed\n", name, run - failed, failed);
	return failed == 0 && run > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
