// Command kubevirt stands in for KubeVirt's own components where there is no KubeVirt: on the real API server, as the
// real service accounts, with what matters to whoever deals with VMIs and their VSOCK CIDs, and nothing else. No
// virtual machine ever runs. It shares no code with KubeVirt.
//
//	kubevirt install         what KubeVirt's operator leaves behind: accounts, roles, the KubeVirt CR's status
//	kubevirt virt-api        the admission webhooks (virtapi.go, admit.go, gate.go)
//	kubevirt virt-controller VMI -> pod -> Scheduled with a CID of its own (controller.go, lifecycle.go, cids.go)
//	kubevirt virt-handler    Scheduled -> Running (handler.go); virt-controller has it built in unless told otherwise
//	kubevirt kubelet         makes virt-launcher pods ready and lets them go (kubelet.go)
//
// Each prints "ready" when it works, logs to standard error and ends at SIGTERM. $KUBECONFIG must be an admin's: by
// it each gets a token of the account that it acts as.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// options of all commands; each has those that it declares.
type options struct {
	kubeconfig string
	namespace  string
	readyFile  string
	workers    int
	install    installOptions
	api        apiOptions
	controller controllerOptions
	handler    handlerOptions
	kubelet    kubeletOptions
}

// command runs until ctx ends; it calls ready once it works.
type command struct {
	about string
	flags func(f *flag.FlagSet, o *options)
	run   func(ctx context.Context, o *options, ready func() error) error
}

var commands = map[string]command{
	"install":         {"accounts, roles and the status of the KubeVirt CR", installFlags, install},
	"virt-api":        {"the admission webhooks", apiFlags, runAPI},
	"virt-controller": {"makes pods, allocates CIDs at Scheduled", controllerFlags, runController},
	"virt-handler":    {"Scheduled -> Running, as a process of its own", handlerFlags, runHandler},
	"kubelet":         {"makes virt-launcher pods ready", kubeletFlags, runKubelet},
}

var order = []string{"install", "virt-api", "virt-controller", "virt-handler", "kubelet"}

// usageError is a mistake of the caller.
type usageError struct{ error }

func main() {
	err := run(os.Args[1:])
	if err == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "kubevirt: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	if errors.As(err, &usageError{}) {
		os.Exit(2)
	}
	os.Exit(1)
}

func usage(to io.Writer) {
	fmt.Fprintln(to, "usage: kubevirt COMMAND [OPTION]...    (COMMAND -h: its options)")
	for _, name := range order {
		fmt.Fprintf(to, "  %-16s %s\n", name, commands[name].about)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return usageError{errors.New("a command is missing (try -h)")}
	}
	if args[0] == "-h" || args[0] == "--help" || args[0] == "help" {
		usage(os.Stdout)
		return nil
	}
	c, known := commands[args[0]]
	if !known {
		return usageError{fmt.Errorf("there is no command %q (try -h)", args[0])}
	}
	o, err := parse(args[0], c, args[1:])
	if err != nil || o == nil {
		return err
	}
	log.SetPrefix(args[0] + ": ")
	log.SetFlags(log.LstdFlags | log.Lmicroseconds | log.Lmsgprefix)
	if o.readyFile != "" {
		os.Remove(o.readyFile) // of the one before
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	err = c.run(ctx, o, func() error { return sayReady(o.readyFile) })
	if ctx.Err() != nil {
		return nil // told to end, and whatever was under way failed of that
	}
	return err
}

// parse returns nil where help was asked for, and given.
func parse(name string, c command, args []string) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG"), "an admin's")
	f.StringVar(&o.namespace, "namespace", "kubevirt", "KubeVirt's namespace")
	f.StringVar(&o.readyFile, "ready-file", "", "file to make when ready, besides the line on standard output")
	c.flags(f, o)
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		f.SetOutput(os.Stdout)
		f.Usage()
		return nil, nil
	case err != nil:
		return nil, usageError{fmt.Errorf("%s: %w", name, err)}
	case f.NArg() > 0:
		return nil, usageError{fmt.Errorf("%s: unexpected argument %q", name, f.Arg(0))}
	case o.kubeconfig == "":
		return nil, usageError{errors.New("neither --kubeconfig nor $KUBECONFIG is set")}
	}
	return o, nil
}

func workersFlag(f *flag.FlagSet, o *options) {
	o.workers = 10
	f.Func("workers", "how many objects it works at the same time (default 10)", func(value string) error {
		if n, err := fmt.Sscanf(value, "%d", &o.workers); n != 1 || err != nil || o.workers < 1 || o.workers > 1000 {
			return errors.New("not a number from 1 to 1000")
		}
		return nil
	})
}

func sayReady(file string) error {
	if file != "" {
		if err := os.WriteFile(file, []byte("ready\n"), 0o600); err != nil {
			return err
		}
	}
	_, err := fmt.Println("ready")
	return err
}
