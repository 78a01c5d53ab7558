{{/* Name of all objects. */}}
{{- define "radio-server.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "radio-server.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "radio-server.labels" -}}
{{ include "radio-server.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "radio-server.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "radio-server.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "radio-server.fullname" .) }}
{{- end -}}

{{/* A map as protobuf text; the fields of `server` are numbers, booleans, enums and messages. */}}
{{- define "radio-server.textproto" -}}
{{- range $key, $value := . }}
{{- if kindIs "map" $value }}
{{ $key }} {
{{- include "radio-server.textproto" $value | indent 2 }}
}
{{- else if or (kindIs "bool" $value) (kindIs "string" $value) }}
{{ $key }}: {{ $value }}
{{- else }}
{{ $key }}: {{ int64 $value }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Seconds from the deletion of a pod to its last breath: preStop, then the server's drain, then what ends it if the drain does not. */}}
{{- define "radio-server.graceSeconds" -}}
{{- $drain := add (int64 .Values.server.drain_delay_ms) (int64 .Values.server.drain_timeout_ms) -}}
{{- $least := add (int64 .Values.preStopSleepSeconds) (div (add $drain 999) 1000) 15 -}}
{{- $wanted := int64 .Values.terminationGracePeriodSeconds -}}
{{- if and (gt $wanted 0) (lt $wanted $least) -}}
{{- fail (printf "terminationGracePeriodSeconds: %d cuts calls off; preStop and drain take up to %d" $wanted $least) -}}
{{- end -}}
{{- max $wanted $least -}}
{{- end -}}

{{/* The most replicas that there can be. */}}
{{- define "radio-server.maxReplicas" -}}
{{- if eq .Values.autoscaling.type "none" }}{{ .Values.replicaCount }}{{ else }}{{ .Values.autoscaling.maxReplicas }}{{ end -}}
{{- end -}}

{{/* A probe's action. Takes a dict of root and service, the health name. */}}
{{- define "radio-server.probe" -}}
{{- $tls := .root.Values.tls -}}
{{- if $tls.enabled -}}
exec:
  command:
    - radio
    - --server=localhost:{{ .root.Values.service.port }}
    - --deadline=2
    - --attempts=1
    - --tls
    - --tls-ca=/etc/radio/tls/ca.crt
    - --tls-server-name={{ $tls.serverName }}
    {{- if $tls.verifyClients }}
    - --tls-cert=/etc/radio/{{ empty $tls.probeSecretName | ternary "tls" "probe" }}/tls.crt
    - --tls-key=/etc/radio/{{ empty $tls.probeSecretName | ternary "tls" "probe" }}/tls.key
    {{- end }}
    - health
    - {{ .service }}
{{- else -}}
grpc:
  port: {{ .root.Values.service.port }}
  service: {{ .service }}
{{- end -}}
{{- end -}}
