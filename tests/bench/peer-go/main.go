// peer-go: gives VMIs their CID, as well as client-go can. A peer for tests/bench, not a product: no leader election,
// no metrics, no events, no stripes; see ../peers.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const exitUsage = 2

// As many as peer-rs has in flight. Of 4, 8, 16 and 32 none was faster beyond the noise, on kube-apiserver (which is the
// bottleneck) or on apisim; CPU an assignment falls with more of them (0.80, 0.71, 0.70, 0.52 ms on kube-apiserver). But
// what is in flight cannot be overtaken any more, and with 32 it waits in the server twice as long as with 16.
const defaultWorkers = 16

func newClient(file string, stockCodec bool) (*rest.RESTClient, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules() // $KUBECONFIG, ~/.kube/config
	rules.ExplicitPath = file
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return nil, err
	}
	config.GroupVersion = &groupVersion
	config.APIPath = "/apis"
	config.NegotiatedSerializer = leanSerializer()
	if stockCodec {
		config.NegotiatedSerializer = serializer.NewCodecFactory(newScheme()).WithoutConversion()
	}
	config.QPS = -1
	return rest.RESTClientFor(config)
}

func run(ctx context.Context, kubeconfig string, stockCodec, ignoreGate bool, workers int) error {
	client, err := newClient(kubeconfig, stockCodec)
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
	stockCodec := flag.Bool("stock-codec", false, "decode with apimachinery's JSON serializer, as other programs do")
	workers := flag.Int("workers", defaultWorkers, "writes in flight")
	flag.Parse()
	if flag.NArg() > 0 || *workers < 1 {
		flag.Usage()
		os.Exit(exitUsage)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, *kubeconfig, *stockCodec, *ignoreGate, *workers); err != nil {
		fmt.Fprintf(os.Stderr, "peer-go: %v\n", err)
		os.Exit(1)
	}
}
