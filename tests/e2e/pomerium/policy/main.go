// Command pomerium-policy lets Pomerium's own code read the policy of a route on stdin, as its ingress
// controller does with that of an annotation. It prints why it is refused, or nothing.
package main

import (
	"fmt"
	"os"

	"github.com/pomerium/pomerium/pkg/policy"
)

func main() {
	if _, err := policy.GenerateRegoFromReader(os.Stdin); err != nil {
		fmt.Println(err)
	}
}
