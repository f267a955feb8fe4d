/**
 * contexts: the names of the contexts that kubectl would know here.
 */
#ifndef CONTROLLER_PLUGIN_CONTEXTS_H
#define CONTROLLER_PLUGIN_CONTEXTS_H

/** Hands each name to @visit, of all files of $KUBECONFIG, else of ~/.kube/config; of @kubeconfig alone where
 * that is not NULL. What cannot be read has none. */
void contexts_visit(const char *kubeconfig, void (*visit)(void *data, const char *name), void *data);

#endif
