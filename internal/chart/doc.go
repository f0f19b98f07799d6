// Package chart keeps the Helm chart of deploy/helm/sando right: its tests derive the chart's routes from the protos, render the chart for several sets
// of values and check what comes out, and hold alerts, dashboard and runbook to what the services measure. It has no code but tests.
package chart
