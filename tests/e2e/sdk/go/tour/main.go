// tour URL TOKEN RECEIVER: what a user of the Go SDK does, from the first call to the last. Prints a
// line "step result" for each; an error of the SDK ends it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sort"
	"time"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
)

const deadline = 60 * time.Second

// tour is one client's application and endpoint.
type tour struct {
	ctx           context.Context
	svix          *svix.Svix
	eventType     string
	app, endpoint string
}

func main() {
	server, token, receiver := os.Args[1], os.Args[2], os.Args[3]
	t := tour{
		ctx:       context.Background(),
		svix:      client(server, token),
		eventType: fmt.Sprintf("tour.%d", os.Getpid()),
	}
	t.create(receiver)
	first := t.send(1)
	say("message", first.Id)
	say("by-message", t.answers(first.Id, 1)...)
	t.list()
	t.headers()
	t.rotate()
	must(t.svix.MessageAttempt.Resend(t.ctx, t.app, first.Id, t.endpoint, nil))
	say("resend", t.answers(first.Id, 2)...)
	t.recover(first.Timestamp)
	t.portal(server)
	t.delete()
}

func client(server, token string) *svix.Svix {
	return must(svix.New(token, &svix.SvixOptions{ServerUrl: must(url.Parse(server))}))
}

func (t *tour) create(receiver string) {
	t.app = must(t.svix.Application.Create(t.ctx, models.ApplicationIn{Name: "tour"}, nil)).Id
	say("application", t.app)
	eventType := models.EventTypeIn{Name: t.eventType, Description: "of the tour"}
	say("event-type", must(t.svix.EventType.Create(t.ctx, eventType, nil)).Name)
	endpoint := models.EndpointIn{Url: receiver, FilterTypes: []string{t.eventType}}
	t.endpoint = must(t.svix.Endpoint.Create(t.ctx, t.app, endpoint, nil)).Id
	say("endpoint", t.endpoint)
	say("secret", must(t.svix.Endpoint.GetSecret(t.ctx, t.app, t.endpoint)).Key)
}

func (t *tour) send(n int) *models.MessageOut {
	message := models.MessageIn{EventType: t.eventType, Payload: map[string]any{"n": n}}
	return must(t.svix.Message.Create(t.ctx, t.app, message, nil))
}

// answers returns the status codes of a message's attempts, oldest first, as soon as there are that many.
func (t *tour) answers(message string, count int) (codes []any) {
	until(func() bool {
		codes = nil
		page := must(t.svix.MessageAttempt.ListByMsg(t.ctx, t.app, message, nil))
		for i := len(page.Data) - 1; i >= 0; i-- {
			codes = append(codes, page.Data[i].ResponseStatusCode)
		}
		return len(codes) >= count
	})
	return codes
}

func (t *tour) list() {
	var ids []any
	for _, attempt := range must(t.svix.MessageAttempt.ListByEndpoint(t.ctx, t.app, t.endpoint, nil)).Data {
		ids = append(ids, attempt.MsgId)
	}
	say("by-endpoint", ids...)
	ids = nil
	for _, message := range must(t.svix.Message.List(t.ctx, t.app, nil)).Data {
		ids = append(ids, message.Id)
	}
	say("messages", ids...)
}

func (t *tour) headers() {
	wanted := map[string]string{"X-Tour": "go", "Authorization": "a secret"}
	check(t.svix.Endpoint.UpdateHeaders(t.ctx, t.app, t.endpoint, models.EndpointHeadersIn{Headers: wanted}))
	got := must(t.svix.Endpoint.GetHeaders(t.ctx, t.app, t.endpoint))
	var shown []string
	for name, value := range got.Headers {
		shown = append(shown, name+"="+value)
	}
	sort.Strings(shown)
	say("headers", anys(append(shown, got.Sensitive...))...)
}

func (t *tour) rotate() {
	check(t.svix.Endpoint.RotateSecret(t.ctx, t.app, t.endpoint, models.EndpointSecretRotateIn{}, nil))
	say("rotated", must(t.svix.Endpoint.GetSecret(t.ctx, t.app, t.endpoint)).Key)
}

// recover sends a message to which the receiver says 410, which disables the endpoint; its owner mends
// it, and recovers what was lost.
func (t *tour) recover(since time.Time) {
	lost := t.send(2)
	say("lost", t.answers(lost.Id, 1)...)
	until(func() bool {
		return *must(t.svix.Endpoint.Get(t.ctx, t.app, t.endpoint)).Disabled
	})
	no := false
	must(t.svix.Endpoint.Patch(t.ctx, t.app, t.endpoint, models.EndpointPatch{Disabled: &no}))
	task := must(t.svix.Endpoint.Recover(t.ctx, t.app, t.endpoint, models.RecoverIn{Since: since}, nil))
	until(func() bool {
		seen := must(t.svix.BackgroundTask.Get(t.ctx, task.Id))
		return seen.Status == models.BACKGROUNDTASKSTATUS_FINISHED
	})
	say("recover", t.answers(lost.Id, 2)...)
}

func (t *tour) portal(server string) {
	access := must(t.svix.Authentication.AppPortalAccess(t.ctx, t.app, models.AppPortalAccessIn{}, nil))
	var ids []any
	for _, endpoint := range must(client(server, access.Token).Endpoint.List(t.ctx, t.app, nil)).Data {
		ids = append(ids, endpoint.Id)
	}
	say("portal", ids...)
}

func (t *tour) delete() {
	check(t.svix.Endpoint.Delete(t.ctx, t.app, t.endpoint))
	check(t.svix.Application.Delete(t.ctx, t.app))
	check(t.svix.EventType.Delete(t.ctx, t.eventType, nil))
	_, err := t.svix.Application.Get(t.ctx, t.app)
	var refused *svix.Error
	if !errors.As(err, &refused) {
		fail(fmt.Errorf("not refused by the API: %v", err))
	}
	var body struct{ Code string }
	check(json.Unmarshal(refused.Body(), &body))
	say("deleted", refused.Status(), body.Code)
}

func until(condition func() bool) {
	for end := time.Now().Add(deadline); !condition(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			fail(fmt.Errorf("not within %v", deadline))
		}
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	var refused *svix.Error
	if errors.As(err, &refused) {
		err = fmt.Errorf("%w: %s", err, refused.Body())
	}
	panic(err)
}

func anys(words []string) (values []any) {
	for _, word := range words {
		values = append(values, word)
	}
	return values
}

func say(step string, result ...any) {
	fmt.Println(append([]any{step}, result...)...)
}
