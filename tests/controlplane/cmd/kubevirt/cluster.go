package main

import (
	"context"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// qps and burst are those of KubeVirt's components.
	qps, burst = 200, 400
	// tokenLife outlasts any test, so nothing needs to be refreshed.
	tokenLife = 24 * time.Hour
)

var (
	vmiResource      = schema.GroupVersionResource{Group: "kubevirt.io", Version: "v1", Resource: "virtualmachineinstances"}
	kubevirtResource = schema.GroupVersionResource{Group: "kubevirt.io", Version: "v1", Resource: "kubevirts"}
)

// The accounts of KubeVirt's components. virt-api lets them write a VMI's status, and nobody else.
const (
	apiAccount        = "kubevirt-apiserver"
	controllerAccount = "kubevirt-controller"
	handlerAccount    = "kubevirt-handler"
	syncAccount       = "kubevirt-synchronization-controller"
)

var accounts = []string{apiAccount, controllerAccount, handlerAccount, syncAccount}

func username(namespace, account string) string {
	return "system:serviceaccount:" + namespace + ":" + account
}

// cluster is how one component talks to the API server.
type cluster struct {
	kube    kubernetes.Interface
	objects dynamic.Interface
}

func newCluster(config *rest.Config) (*cluster, error) {
	var c cluster
	var err error
	if c.kube, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	c.objects, err = dynamic.NewForConfig(config)
	return &c, err
}

func adminConfig(o *options, agent string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = qps, burst
	config.UserAgent = agent + " (stand-in)"
	return config, nil
}

// admin is whoever the kubeconfig says.
func admin(o *options, agent string) (*cluster, error) {
	config, err := adminConfig(o, agent)
	if err != nil {
		return nil, err
	}
	return newCluster(config)
}

// as is a component with the rights of its account and with nothing else.
func as(ctx context.Context, o *options, account, agent string) (*cluster, error) {
	config, err := adminConfig(o, agent)
	if err != nil {
		return nil, err
	}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	seconds := int64(tokenLife / time.Second)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	token, err := kube.CoreV1().ServiceAccounts(o.namespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no ServiceAccount %s/%s: run `kubevirt install` first", o.namespace, account)
	}
	if err != nil {
		return nil, fmt.Errorf("token of %s/%s: %w", o.namespace, account, err)
	}
	own := rest.AnonymousClientConfig(config)
	own.QPS, own.Burst, own.UserAgent = config.QPS, config.Burst, config.UserAgent
	own.BearerToken = token.Status.Token
	return newCluster(own)
}
