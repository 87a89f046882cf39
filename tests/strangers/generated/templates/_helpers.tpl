{{- define "generated.fullname" -}}
{{ .Release.Name | trunc 53 | trimSuffix "-" }}-app
{{- end -}}

{{/* What was generated stays: an upgrade finds it in the cluster. */}}
{{- define "generated.password" -}}
{{- $made := lookup "v1" "Secret" .Release.Namespace (include "generated.fullname" .) -}}
{{- if .Values.auth.password -}}
{{- .Values.auth.password | b64enc -}}
{{- else if $made -}}
{{- index $made.data "password" -}}
{{- else -}}
{{- randAlphaNum 24 | b64enc -}}
{{- end -}}
{{- end -}}
