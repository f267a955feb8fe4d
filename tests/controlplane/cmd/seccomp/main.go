// Command seccomp prints containerd's default seccomp profile, as it stands in the config.json of a container: what a pod gets
// by "seccompProfile: {type: RuntimeDefault}". The capabilities of the container, such as CAP_NET_BIND_SERVICE, are its arguments,
// since the profile depends on them (and on the kernel and the architecture, which are this machine's).
package main

import (
	"encoding/json"
	"log"
	"os"
	"strings"

	"github.com/containerd/containerd/v2/contrib/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("seccomp: ")
	for _, capability := range os.Args[1:] {
		if !strings.HasPrefix(capability, "CAP_") {
			log.Fatalf("%q is no capability: they are written as CAP_NET_BIND_SERVICE is", capability)
		}
	}
	container := specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: os.Args[1:]}}}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(seccomp.DefaultProfile(&container)); err != nil {
		log.Fatal(err)
	}
}
