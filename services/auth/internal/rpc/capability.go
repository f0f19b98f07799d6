package rpc

import (
	"context"
	"slices"
	"strings"

	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

// GetCapabilities says what can be done with an account, what this token may do, and, if asked, what the account's key reaches.
func (h Accounts) GetCapabilities(ctx context.Context, r *authv1.GetCapabilitiesRequest) (*authv1.GetCapabilitiesResponse, error) {
	ctx, caller, err := acting(ctx, r)
	if err != nil {
		return nil, err
	}
	a, err := h.Accounts.Find(ctx, caller, r.GetId())
	if err != nil {
		return nil, err
	}
	operations := h.Catalog.Operations(a.Integration)
	outcomes := map[string]string{}
	if r.GetProbe() && a.Status == store.StatusActive {
		found, outcome, err := h.Accounts.Probe(ctx, caller, a.ID, cheapReads(operations)...)
		if err != nil && outcome != nil {
			err = nil // the account says what is wrong
		}
		if err != nil {
			return nil, err
		}
		a, outcomes = found, outcome.GetOutcomes()
	}
	answer := &authv1.GetCapabilitiesResponse{}
	if answer.Account, err = h.message(a); err != nil {
		return nil, err
	}
	for _, op := range operations {
		answer.Operations = append(answer.Operations, &authv1.OperationCapability{
			Operation: op.GetId(), Resource: resourceOf(op), Method: op.GetMethod(), ToolName: op.GetToolName(), Effect: effect(op),
			Granted: grantedTo(caller, op.GetId(), op.GetEffect() != catalogv1.Effect_EFFECT_READ), Probe: optional(outcomes[op.GetId()]),
		})
	}
	for _, u := range h.Catalog.UnifiedResources(a.Integration) {
		answer.Unified = append(answer.Unified, &authv1.UnifiedCapability{Model: u.GetModel(), Resource: u.GetResource(), Methods: unifiedMethods(u)})
	}
	return answer, nil
}

// cheapReads picks one read per resource that can be called without knowing anything: its list, or what stands for it.
func cheapReads(operations []*catalogv1.Operation) []string {
	picked := make(map[string]bool)
	var ids []string
	for _, op := range operations {
		if picked[resourceOf(op)] || op.GetKind() != catalogv1.Kind_KIND_LIST || op.GetEffect() != catalogv1.Effect_EFFECT_READ || needsArguments(op) {
			continue
		}
		picked[resourceOf(op)] = true
		ids = append(ids, op.GetId())
	}
	return ids
}

func effect(op *catalogv1.Operation) string {
	switch op.GetEffect() {
	case catalogv1.Effect_EFFECT_READ:
		return "read"
	case catalogv1.Effect_EFFECT_WRITE:
		return "write"
	default:
		return "destructive"
	}
}

// resourceOf reads the resource off an operation's id, `<integration>.<resource>.<method>`.
func resourceOf(op *catalogv1.Operation) string {
	_, rest, _ := strings.Cut(op.GetId(), ".")
	resource, _, _ := strings.Cut(rest, ".")
	return resource
}

func needsArguments(op *catalogv1.Operation) bool {
	return slices.ContainsFunc(op.GetRequest().GetParameters(), (*catalogv1.Parameter).GetRequired)
}

// unifiedMethods lists what a unified resource serves, each method once.
func unifiedMethods(u *catalogv1.UnifiedResource) []string {
	var methods []string
	for _, s := range u.GetSources() {
		if !slices.Contains(methods, s.GetMethod()) {
			methods = append(methods, s.GetMethod())
		}
	}
	if u.GetUpdate() != nil {
		methods = append(methods, "update")
	}
	return methods
}
