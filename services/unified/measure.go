package unified

import (
	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/unified/internal/engine"
)

// component is the service's name in metrics.
const component = "unified"

// measure gives metrics of what the service holds, read when they are collected.
func (s *Service) measure(t telemetry.Telemetry, sealing sealed.Key, e *engine.Engine) error {
	if s.access != nil && s.auditor != nil {
		if err := access.Measure(t, component, s.access, s.auditor); err != nil {
			return err
		}
	}
	if err := telemetry.Cache(t, component, "field_definitions", e.Usage); err != nil {
		return err
	}
	return telemetry.KeyAge(t, component, map[string]sealed.Key{"sealing": sealing})
}
