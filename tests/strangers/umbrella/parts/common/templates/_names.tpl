{{- define "common.name" -}}{{ .Release.Name }}-{{ .Chart.Name }}{{- end -}}

{{- define "common.image" -}}
{{- with .Values.global.image -}}"{{ .repository }}:{{ .tag }}"{{- end -}}
{{- end -}}

{{- define "common.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
