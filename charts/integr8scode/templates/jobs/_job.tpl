{{/* A Job that runs after the release is there. Takes {root, component, job, weight, env}. */}}
{{- define "integr8scode.hook" -}}
{{- $job := .job -}}
{{- $scope := merge (dict "image" "backend" "suffix" .component) . -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "integr8scode.metadata" $scope | nindent 2 }}
  annotations:
    helm.sh/hook: post-install,post-upgrade
    helm.sh/hook-weight: {{ .weight | quote }}
    # It stays for its log until the next upgrade, or until its time is over.
    helm.sh/hook-delete-policy: before-hook-creation
spec:
  backoffLimit: {{ $job.backoffLimit }}
  activeDeadlineSeconds: {{ $job.activeDeadlineSeconds }}
  {{- if not (kindIs "invalid" $job.ttlSecondsAfterFinished) }}
  ttlSecondsAfterFinished: {{ $job.ttlSecondsAfterFinished }}
  {{- end }}
  template:
    metadata:
      labels:
        {{- include "integr8scode.selectorLabels" $scope | nindent 8 }}
    spec:
      {{- include "integr8scode.pod" $scope | nindent 6 }}
      restartPolicy: Never
      volumes:
        - name: tmp
          emptyDir: {}
      containers:
        - name: {{ .component }}
          {{- include "integr8scode.container" $scope | nindent 10 }}
          command:
            {{- toYaml $job.command | nindent 12 }}
          envFrom:
            {{- include "integr8scode.envFrom" .root | nindent 12 }}
            {{- with .secret }}
            - secretRef: {name: {{ . }}}
            {{- end }}
          {{- with .env }}
          env:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with $job.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
{{- end -}}
