{{/* The parent chart makes the same name in integr8scode.subchartName. */}}
{{- define "mongodb.fullname" -}}
{{- printf "%s-mongodb" (.Release.Name | replace "." "-" | trunc 40 | trimSuffix "-") -}}
{{- end -}}

{{- define "mongodb.selectorLabels" -}}
app.kubernetes.io/name: mongodb
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: mongodb
{{- end -}}

{{- define "mongodb.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "mongodb.selectorLabels" . }}
{{- end -}}
