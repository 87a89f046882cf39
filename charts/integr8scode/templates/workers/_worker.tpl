{{/* The Deployment of a worker. Takes {root, name, component}: its key in `workers`, and its name elsewhere. */}}
{{- define "integr8scode.worker" -}}
{{- $worker := get .root.Values.workers .name -}}
{{- $common := .root.Values.workers.common -}}
{{- if $worker.enabled -}}
{{- $scope := merge (dict "image" "backend" "suffix" .component "podAnnotations" $common.podAnnotations) . -}}
{{- if .runsPods -}}
{{- $_ := set $scope "serviceAccountName" (include "integr8scode.serviceAccountName" .root) -}}
{{- end -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "integr8scode.metadata" $scope | nindent 2 }}
spec:
  replicas: {{ $worker.replicas }}
  strategy:
    {{- if .singleton }}
    # The old one is gone before the new one starts, else both would do the same work.
    type: Recreate
    {{- else }}
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
    {{- end }}
  # There is no endpoint to probe: a pod that crashes within this time does not count as available.
  minReadySeconds: 5
  selector:
    matchLabels:
      {{- include "integr8scode.selectorLabels" $scope | nindent 6 }}
  template:
    metadata:
      {{- include "integr8scode.podMetadata" $scope | nindent 6 }}
    spec:
      {{- include "integr8scode.pod" $scope | nindent 6 }}
      terminationGracePeriodSeconds: {{ $common.terminationGracePeriodSeconds }}
      volumes:
        - name: tmp
          emptyDir: {}
        {{- if and .runsPods .root.Values.kubeconfig }}
        - name: kubeconfig
          secret: {secretName: {{ include "integr8scode.fullname" .root }}-kubeconfig}
        {{- end }}
      containers:
        - name: {{ .component }}
          {{- include "integr8scode.container" $scope | nindent 10 }}
          command:
            {{- toYaml $worker.command | nindent 12 }}
          envFrom:
            {{- include "integr8scode.envFrom" .root | nindent 12 }}
          {{- if and .runsPods .root.Values.kubeconfig }}
          env:
            - {name: KUBECONFIG, value: /app/kubeconfig/kubeconfig.yaml}
          {{- end }}
          {{- with merge (deepCopy $worker.resources) $common.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            {{- if and .runsPods .root.Values.kubeconfig }}
            - {name: kubeconfig, mountPath: /app/kubeconfig, readOnly: true}
            {{- end }}
{{- end -}}
{{- end -}}
