{{- define "sando.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "sando.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "sando.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "sando.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* The services, in the order in which they are built. */}}
{{- define "sando.services" -}}
[auth, proxy, unified, mcp]
{{- end }}

{{/* Which services a service calls on their internal port. */}}
{{- define "sando.calls" -}}
auth: [proxy]
proxy: [auth]
unified: [auth, proxy]
mcp: [auth, proxy, unified]
{{- end }}

{{/* Which service keeps state in PostgreSQL. */}}
{{- define "sando.stateful" -}}
[auth, proxy, unified]
{{- end }}

{{/* The values of one service: the defaults and what it says otherwise. Takes {root, service}. */}}
{{- define "sando.values" -}}
{{- mustMergeOverwrite (deepCopy .root.Values.defaults) (index .root.Values .service) | toYaml }}
{{- end }}

{{/* What selects the pods of one part. Takes {root, service}. */}}
{{- define "sando.selector" -}}
app.kubernetes.io/name: {{ include "sando.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .service }}
{{- end }}

{{- define "sando.labels" -}}
{{ include "sando.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: sando
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "sando.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "sando.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "sando.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* A variable that holds a service's database URL. Takes {service, secret}. */}}
{{- define "sando.databaseVariable" -}}
- name: SANDO_{{ upper .service }}_STORE_URL
  valueFrom:
    secretKeyRef: {name: {{ .secret }}, key: {{ .service }}}
{{- end }}

{{/* Settings as variables: {public: {stall: 10s}} is SANDO_PUBLIC_STALL. Takes {prefix, settings}. */}}
{{- define "sando.flatten" -}}
{{- range $key, $value := .settings }}
{{- $name := printf "%s_%s" $.prefix (upper $key) }}
{{- if kindIs "map" $value }}
{{- include "sando.flatten" (dict "prefix" $name "settings" $value) }}
{{- else if kindIs "slice" $value }}
{{ $name }}: {{ join "," $value | quote }}
{{- else if kindIs "float64" $value }}
{{ $name }}: {{ toJson $value | quote }}
{{- else }}
{{ $name }}: {{ toString $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* The most pods of proxy that may run at once, and so share the rate budgets: those wanted, and the one more of a rolling update. */}}
{{- define "sando.proxyReplicas" -}}
{{- $values := include "sando.values" (dict "root" . "service" "proxy") | fromYaml }}
{{- $most := ternary $values.autoscaling.maxReplicas $values.replicas $values.autoscaling.enabled | int }}
{{- if .Values.valkey.existingSecret }}
{{- add $most 1 }}
{{- else if gt $most 1 }}
{{- fail "valkey.existingSecret is empty: several replicas of proxy share their rate budgets through Valkey; name the secret with its URL, or set proxy.replicas to 1" }}
{{- else }}1{{ end }}
{{- end }}

{{/* The secret with a service's certificate. Takes {root, service}. */}}
{{- define "sando.certificate" -}}
{{- if .root.Values.mtls.certManager.enabled }}
{{- printf "%s-%s-mtls" (include "sando.fullname" .root) .service }}
{{- else }}
{{- required (printf "mtls.existingSecrets.%s is empty: name the secret with the certificate of %s, or enable mtls.certManager" .service .service) (index .root.Values.mtls.existingSecrets .service) }}
{{- end }}
{{- end }}
