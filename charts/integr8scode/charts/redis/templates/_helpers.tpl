{{/* The parent chart makes the same name in integr8scode.subchartName. */}}
{{- define "redis.fullname" -}}
{{- printf "%s-redis" (.Release.Name | replace "." "-" | trunc 40 | trimSuffix "-") -}}
{{- end -}}

{{- define "redis.selectorLabels" -}}
app.kubernetes.io/name: redis
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: redis
{{- end -}}

{{- define "redis.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "redis.selectorLabels" . }}
{{- end -}}
