// Command kubectl is the real kubectl, built from the module that also builds the API server. It is only
// built where the installed kubectl is missing or too old.
package main

import (
	"os"

	_ "k8s.io/client-go/plugin/pkg/client/auth" // a kubeconfig shall mean the same as elsewhere
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
	os.Exit(0)
}
