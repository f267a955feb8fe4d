/**
 * policy_files: the manifests of the three admission policies as text, NUL-terminated, each with a policy and
 * its binding. Part of controller/policy.h.
 */
#ifndef CONTROLLER_POLICY_FILES_H
#define CONTROLLER_POLICY_FILES_H

extern const char policy_file_guard[];
extern const char policy_file_hold[];
extern const char policy_file_sticky[];

#endif
