package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
)

type apiOptions struct {
	port  int
	stage string
}

// api is virt-api, as far as it is about VMIs.
type api struct {
	namespace string
	betaStage bool
	crs       cache.Store
	caBundle  []byte
	address   string

	mu    sync.Mutex
	asked map[string]int // how many webhooks were asked about the VMI of this name; for probes only
}

// webhook is one of virt-api's.
type webhook struct {
	path   string
	answer func(*request) *admissionv1.AdmissionResponse
}

// maxReview bounds what is read of a request; the API server itself does not take objects of more than 3 MiB.
const maxReview = 16 << 20

func apiFlags(f *flag.FlagSet, o *options) {
	f.IntVar(&o.api.port, "port", 0, "port on 127.0.0.1; 0: any")
	f.StringVar(&o.api.stage, "vsock-stage", "alpha", "compiled-in stage of the gate VSOCK: alpha or beta (on by default)")
}

func runAPI(ctx context.Context, o *options, ready func() error) error {
	if o.api.stage != "alpha" && o.api.stage != "beta" {
		return usageError{fmt.Errorf("--vsock-stage is alpha or beta, not %q", o.api.stage)}
	}
	if o.api.port < 0 || o.api.port > 65535 {
		return usageError{fmt.Errorf("there is no port %d", o.api.port)}
	}
	self, err := as(ctx, o, apiAccount, "virt-api")
	if err != nil {
		return err
	}
	crs := dynamicinformer.NewFilteredDynamicInformer(self.objects, kubevirtResource, metav1.NamespaceAll, 0,
		cache.Indexers{}, nil).Informer()
	if err := startInformers(ctx, crs); err != nil {
		return err
	}
	a := &api{namespace: o.namespace, betaStage: o.api.stage == "beta", crs: crs.GetStore(), asked: map[string]int{}}
	failed, err := a.listen(ctx, o.api.port)
	if err != nil {
		return err
	}
	operator, err := admin(o, "virt-operator")
	if err != nil {
		return err
	}
	if err := a.register(ctx, operator); err != nil {
		return err
	}
	if err := a.awaitCalls(ctx, operator); err != nil {
		return err
	}
	log.Printf("serving at %s", a.address)
	if err := ready(); err != nil {
		return err
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	return err
}

func (a *api) webhooks() map[string]webhook {
	return map[string]webhook{
		mutatorName:         {"/virtualmachineinstances-mutate", a.mutate},
		createValidatorName: {"/virtualmachineinstances-validate-create", a.validateCreate},
		updateValidatorName: {"/virtualmachineinstances-validate-update", a.validateUpdate},
	}
}

// listen serves until ctx ends; what it returns says when that was over too early.
func (a *api) listen(ctx context.Context, port int) (<-chan error, error) {
	certificate, caBundle, err := newCertificate()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	a.caBundle, a.address = caBundle, "https://"+listener.Addr().String()
	mux := http.NewServeMux()
	for _, hook := range a.webhooks() {
		mux.HandleFunc("POST "+hook.path, func(w http.ResponseWriter, r *http.Request) { a.serve(hook, w, r) })
	}
	server := &http.Server{
		Handler:           mux,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: 10 * time.Second,
	}
	context.AfterFunc(ctx, func() { server.Close() })
	failed := make(chan error, 1)
	go func() { failed <- server.ServeTLS(listener, "", "") }()
	return failed, nil
}

func (a *api) serve(hook webhook, w http.ResponseWriter, r *http.Request) {
	var review admissionv1.AdmissionReview
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReview))
	if err == nil {
		err = json.Unmarshal(body, &review)
	}
	if err != nil || review.Request == nil {
		http.Error(w, "not an AdmissionReview", http.StatusBadRequest)
		return
	}
	asked, err := decode(review.Request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.count(asked)
	review.Response = hook.answer(asked)
	review.Response.UID = review.Request.UID
	review.Request = nil
	if result := review.Response.Result; result != nil {
		log.Printf("%s %s of %s by %s denied: %s", asked.Operation, asked.vmi.GetAPIVersion(), asked.vmi.key(),
			asked.UserInfo.Username, result.Message)
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(&review); err != nil {
		log.Printf("answering the API server: %v", err)
	}
}

// count notes which probe got here.
func (a *api) count(r *request) {
	if r.DryRun == nil || !*r.DryRun || r.Namespace != a.namespace {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if n, probe := a.asked[r.vmi.GetName()]; probe {
		a.asked[r.vmi.GetName()] = n + 1
	}
}

// awaitCalls returns when the API server asks this process, and not a predecessor: both at the mutating and at the
// validating webhook, of a VMI that is only pretended to be created.
func (a *api) awaitCalls(ctx context.Context, c *cluster) error {
	probe := "virt-api-probe-" + rand.String(10)
	a.mu.Lock()
	a.asked[probe] = 0
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		delete(a.asked, probe)
		a.mu.Unlock()
	}()
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
		"metadata": map[string]any{"name": probe, "namespace": a.namespace},
		"spec":     map[string]any{"domain": map[string]any{"devices": map[string]any{}}},
	}}
	var last error
	err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		a.mu.Lock()
		a.asked[probe] = 0
		a.mu.Unlock()
		_, last = c.objects.Resource(vmiResource).Namespace(a.namespace).Create(ctx, object,
			metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		a.mu.Lock()
		defer a.mu.Unlock()
		return last == nil && a.asked[probe] == 2, nil
	})
	if err != nil && last != nil {
		err = last
	}
	if err != nil {
		return fmt.Errorf("waiting for the API server to call the webhooks: %w", err)
	}
	return nil
}
