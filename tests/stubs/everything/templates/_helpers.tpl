{{- define "name" -}}
{{ .Release.Name }}-everything
{{- end }}
{{- define "labels" -}}
app.kubernetes.io/name: everything
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "resources" -}}
resources:
  requests: {cpu: 5m, memory: 8Mi}
  limits: {cpu: 500m, memory: 64Mi}
{{- end }}
{{- define "restricted" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
{{- end }}
