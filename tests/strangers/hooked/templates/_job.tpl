{{- define "hooked.job" -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .root.Release.Name }}-{{ .name }}
  labels: {app: {{ .root.Release.Name }}, job: {{ .name }}}
  annotations:
    "helm.sh/hook": {{ .events }}
    "helm.sh/hook-weight": {{ .weight | quote }}
    "helm.sh/hook-delete-policy": {{ .policy }}
spec:
  backoffLimit: 0
  template:
    metadata:
      labels: {job: {{ .name }}}
    spec:
      restartPolicy: Never
      {{- with .account }}
      serviceAccountName: {{ . }}
      {{- end }}
      containers:
        - name: {{ .name }}
          image: "{{ .root.Values.image.repository }}:{{ .root.Values.image.tag }}"
          command: ["sh", "-c", {{ .script | quote }}]
          envFrom:
            - configMapRef: {name: {{ .settings }}}
{{- end -}}
