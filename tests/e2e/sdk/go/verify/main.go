// verify: reads lines of JSON {"secret", "headers", "body" in base64} and prints for each what the
// reference library of Standard Webhooks says of it: "accepted", or "refused" and why.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

type delivery struct {
	Secret  string
	Headers map[string]string
	Body    []byte
}

func main() {
	input := json.NewDecoder(os.Stdin)
	for {
		var d delivery
		err := input.Decode(&d)
		if errors.Is(err, io.EOF) {
			return
		}
		check(err)
		webhook, err := standardwebhooks.NewWebhook(d.Secret)
		check(err)
		headers := http.Header{}
		for name, value := range d.Headers {
			headers.Set(name, value)
		}
		if err := webhook.Verify(d.Body, headers); err != nil {
			fmt.Println("refused:", err)
		} else {
			fmt.Println("accepted")
		}
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
