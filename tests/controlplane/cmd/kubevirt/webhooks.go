package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
)

// The names that KubeVirt gives them.
const (
	mutatingConfiguration   = "virt-api-mutator"
	validatingConfiguration = "virt-api-validator"
	mutatorName             = "virtualmachineinstances-mutator.kubevirt.io"
	createValidatorName     = "virtualmachineinstances-create-validator.kubevirt.io"
	updateValidatorName     = "virtualmachineinstances-update-validator.kubevirt.io"
)

// register tells the API server of the webhooks. Like KubeVirt's they stay when virt-api goes: then no VMI can be
// written. matchPolicy is left to its default, Equivalent.
func (a *api) register(ctx context.Context, c *cluster) error {
	if err := a.registerMutator(ctx, c); err != nil {
		return fmt.Errorf("%s: %w", mutatingConfiguration, err)
	}
	if err := a.registerValidators(ctx, c); err != nil {
		return fmt.Errorf("%s: %w", validatingConfiguration, err)
	}
	return nil
}

func (a *api) registerMutator(ctx context.Context, c *cluster) error {
	client := c.kube.AdmissionregistrationV1().MutatingWebhookConfigurations()
	want := &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: configurationMeta(mutatingConfiguration),
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name:                    mutatorName,
			ClientConfig:            a.clientConfig(mutatorName),
			Rules:                   rules(admissionregistrationv1.Create, admissionregistrationv1.Update),
			FailurePolicy:           new(admissionregistrationv1.Fail),
			SideEffects:             new(admissionregistrationv1.SideEffectClassNone),
			TimeoutSeconds:          new(int32(10)),
			AdmissionReviewVersions: []string{"v1"},
		}},
	}
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		have, err := client.Get(ctx, want.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			_, err = client.Create(ctx, want, metav1.CreateOptions{})
			return err
		}
		if err != nil {
			return err
		}
		have.Labels, have.Webhooks = want.Labels, want.Webhooks
		_, err = client.Update(ctx, have, metav1.UpdateOptions{})
		return err
	})
}

func (a *api) registerValidators(ctx context.Context, c *cluster) error {
	client := c.kube.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	want := &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: configurationMeta(validatingConfiguration)}
	for name, operation := range map[string]admissionregistrationv1.OperationType{
		createValidatorName: admissionregistrationv1.Create,
		updateValidatorName: admissionregistrationv1.Update,
	} {
		want.Webhooks = append(want.Webhooks, admissionregistrationv1.ValidatingWebhook{
			Name:                    name,
			ClientConfig:            a.clientConfig(name),
			Rules:                   rules(operation),
			FailurePolicy:           new(admissionregistrationv1.Fail),
			SideEffects:             new(admissionregistrationv1.SideEffectClassNone),
			TimeoutSeconds:          new(int32(10)),
			AdmissionReviewVersions: []string{"v1"},
		})
	}
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		have, err := client.Get(ctx, want.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			_, err = client.Create(ctx, want, metav1.CreateOptions{})
			return err
		}
		if err != nil {
			return err
		}
		have.Labels, have.Webhooks = want.Labels, want.Webhooks
		_, err = client.Update(ctx, have, metav1.UpdateOptions{})
		return err
	})
}

func configurationMeta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Labels: map[string]string{
		"kubevirt.io": name, "app.kubernetes.io/managed-by": "virt-operator"}}
}

func (a *api) clientConfig(name string) admissionregistrationv1.WebhookClientConfig {
	return admissionregistrationv1.WebhookClientConfig{
		URL:      new(a.address + a.webhooks()[name].path),
		CABundle: a.caBundle,
	}
}

func rules(operations ...admissionregistrationv1.OperationType) []admissionregistrationv1.RuleWithOperations {
	return []admissionregistrationv1.RuleWithOperations{{
		Operations: operations,
		Rule: admissionregistrationv1.Rule{
			APIGroups:   []string{vmiResource.Group},
			APIVersions: []string{"v1alpha3", "v1"},
			Resources:   []string{vmiResource.Resource},
		},
	}}
}

// newCertificate makes a CA, which is forgotten at once, and a certificate for 127.0.0.1; the CA's is PEM.
func newCertificate() (tls.Certificate, []byte, error) {
	var none tls.Certificate
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return none, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return none, nil, err
	}
	ca := template("kubevirt.io virt-api CA", 1)
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	leaf := template("virt-api", 2)
	leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	leaf.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return none, nil, err
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	if err != nil {
		return none, nil, err
	}
	bundle := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})
	return tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: key}, bundle, nil
}

func template(name string, serial int64) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
	}
}
