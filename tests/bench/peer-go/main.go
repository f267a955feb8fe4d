// peer-go: gives VMIs their CID, as a good client-go controller does. A peer for tests/bench, not a product: no leader
// election, no metrics, no events, no stripes; see ../peers.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	virtv1 "kubevirt.io/api/core/v1"
)

const exitUsage = 2

// As many as peer-rs has in flight. With 32, kube-apiserver, which is the bottleneck, writes no faster: a write only waits
// there twice as long, and what is in flight cannot be overtaken any more.
const defaultWorkers = 16

func newClient(file string) (*rest.RESTClient, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules() // $KUBECONFIG, ~/.kube/config
	rules.ExplicitPath = file
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	if err := virtv1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	config.GroupVersion = &virtv1.StorageGroupVersion
	config.APIPath = "/apis"
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.QPS = -1
	return rest.RESTClientFor(config)
}

func run(ctx context.Context, kubeconfig string, ignoreGate bool, workers int) error {
	client, err := newClient(kubeconfig)
	if err != nil {
		return err
	}
	peer, err := newPeer(client, ignoreGate)
	if err != nil {
		return err
	}
	return peer.run(ctx, workers)
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "`FILE` that says where the API server is (default $KUBECONFIG)")
	ignoreGate := flag.Bool("ignore-gate", false, "serve whatever the KubeVirt CR says")
	workers := flag.Int("workers", defaultWorkers, "writes in flight")
	flag.Parse()
	if flag.NArg() > 0 || *workers < 1 {
		flag.Usage()
		os.Exit(exitUsage)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, *kubeconfig, *ignoreGate, *workers); err != nil {
		fmt.Fprintf(os.Stderr, "peer-go: %v\n", err)
		os.Exit(1)
	}
}
