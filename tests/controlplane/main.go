// Command controlplane is a Kubernetes API for tests: the real kube-apiserver and the real etcd in one
// process.
//
// controlplane.sh starts it; nothing here is meant to be started by hand. All that is ours is the glue: etcd
// listens on a loopback port that the kernel chooses, the API server is pointed at it, and every argument
// that is not known here goes to kube-apiserver as it is. No controller-manager, scheduler or kubelet: see
// README.md for what that means.
//
//	controlplane -etcd-data DIR [-etcd-url FILE] [-tie PID] -- KUBE-APISERVER-FLAGS...
package main

import (
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"golang.org/x/sys/unix"
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

const (
	// etcdReady bounds the start of etcd: an empty one needs 0.2 s, the rest is for a machine under load.
	etcdReady = 60 * time.Second
	// progressNotify is the interval kubeadm sets. It feeds the API server's bookmarks; etcd's own
	// default of 10 min would keep watches on an idle cluster without any.
	progressNotify = 5 * time.Second
	// etcdQuota is the size etcd's database may reach. Benchmarks with many revisions outgrow the default
	// of 2 GiB.
	etcdQuota = 8 << 30
	// advertised is where this member says it can be found. Nobody asks: it is alone, and the API server
	// is given the address it really listens on. It is constant since a member may not change it when it
	// starts again.
	advertised = "http://127.0.0.1:2380"
)

func main() {
	os.Exit(run())
}

func run() int {
	data := flag.String("etcd-data", "", "folder of etcd's database")
	urlFile := flag.String("etcd-url", "", "file to write the URL of etcd's client port to")
	tie := flag.Int("tie", 0, "exit when this process is gone")
	flag.Parse()
	if *data == "" {
		fmt.Fprintln(os.Stderr, "controlplane: -etcd-data is missing")
		return 2
	}
	if *tie != 0 {
		if err := exitWith(*tie); err != nil {
			fmt.Fprintf(os.Stderr, "controlplane: cannot tie to process %d: %v\n", *tie, err)
			return 1
		}
	}
	etcd, err := startEtcd(*data)
	if err != nil {
		fmt.Fprintf(os.Stderr, "controlplane: etcd: %v\n", err)
		return 1
	}
	defer etcd.Close()

	where := "http://" + etcd.Clients[0].Addr().String()
	if *urlFile != "" {
		if err := os.WriteFile(*urlFile, []byte(where+"\n"), 0o600); err != nil {
			fmt.Fprintf(os.Stderr, "controlplane: %v\n", err)
			return 1
		}
	}
	command := app.NewAPIServerCommand()
	command.SetArgs(append([]string{"--etcd-servers=" + where}, flag.Args()...))
	return cli.Run(command)
}

// exitWith ends this process as soon as process pid is gone. A pidfd rather than a parent-death signal:
// whoever it is tied to need not be the parent, and the number cannot be taken by another process meanwhile.
func exitWith(pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	go func() {
		for {
			_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
			if !errors.Is(err, unix.EINTR) {
				os.Exit(3) // not orderly: the data was for the one who is gone
			}
		}
	}()
	return nil
}

// startEtcd starts a single member on loopback ports chosen by the kernel and waits until it serves.
func startEtcd(dir string) (*embed.Etcd, error) {
	anyPort, err := url.Parse("http://127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	self, err := url.Parse(advertised)
	if err != nil {
		return nil, err
	}
	cfg := embed.NewConfig()
	cfg.Dir = dir
	cfg.LogLevel = "warn"
	cfg.ListenPeerUrls = []url.URL{*anyPort}
	cfg.ListenClientUrls = []url.URL{*anyPort}
	cfg.AdvertisePeerUrls = []url.URL{*self}
	cfg.AdvertiseClientUrls = []url.URL{*self}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.WatchProgressNotifyInterval = progressNotify
	cfg.QuotaBackendBytes = etcdQuota
	cfg.EnableGRPCGateway = false // nobody speaks JSON to etcd here, and it would dial port 0
	// Unset it is 0, and every single request is logged as a slow one.
	cfg.WarningUnaryRequestDuration = embed.DefaultWarningUnaryRequestDuration
	// What is written survives the end of the process, which tests cause, but not the end of the machine.
	cfg.UnsafeNoFsync = true
	etcd, err := embed.StartEtcd(cfg)
	if err != nil {
		return nil, err
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return etcd, nil
	case err = <-etcd.Err():
	case <-time.After(etcdReady):
		err = fmt.Errorf("not ready within %v", etcdReady)
	}
	etcd.Close()
	return nil, err
}
