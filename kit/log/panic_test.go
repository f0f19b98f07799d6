package log_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sando-dev/sando/kit/log"
)

func TestPanicShowsNoValue(t *testing.T) {
	const secret = "the-secret-in-hand"
	for name, tt := range map[string]struct {
		panics func()
		want   string
	}{
		"text":    {func() { panic("cannot use " + secret) }, "a value of type string"},
		"error":   {func() { panic(errors.New(secret)) }, "a value of type *errors.errorString"},
		"map":     {func() { panic(map[string]string{"api_key": secret}) }, "a value of type map[string]string"},
		"index":   {func() { _ = []byte(secret)[len(secret)+1] }, "runtime error: index out of range [19] with length 18"},
		"convert": {func() { _ = any(secret).(int) }, "interface conversion: interface {} is string, not int"},
	} {
		func() {
			defer func() {
				if got := log.Panic(recover()); got != tt.want || strings.Contains(got, secret) {
					t.Errorf("%s: %q, want %q", name, got, tt.want)
				}
			}()
			tt.panics()
		}()
	}
}
