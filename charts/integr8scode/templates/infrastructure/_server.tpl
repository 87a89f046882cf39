{{/* A volume claim of a server. It is immutable: no label of it changes with the chart's version. Takes {root, component, persistence}. */}}
{{- define "integr8scode.claim" -}}
- metadata:
    name: data
    labels:
      {{- include "integr8scode.selectorLabels" . | nindent 6 }}
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .persistence.storageClass }}
    storageClassName: {{ . }}
    {{- end }}
    resources:
      requests: {storage: {{ .persistence.size }}}
{{- end -}}

{{/* A server of one pod that keeps data: its StatefulSet and Services. Takes {root, component, suffix, server, port, env, mountPath}. */}}
{{- define "integr8scode.statefulServer" -}}
{{- $full := include "integr8scode.fullname" .root -}}
{{- $infrastructure := .root.Values.infrastructure -}}
{{- $scope := merge (dict "securityContext" $infrastructure.podSecurityContext) . -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "integr8scode.metadata" $scope | nindent 2 }}
spec:
  type: ClusterIP
  selector:
    {{- include "integr8scode.selectorLabels" $scope | nindent 4 }}
  ports:
    - {name: {{ .component }}, port: {{ .port }}, targetPort: {{ .component }}, protocol: TCP}
---
apiVersion: v1
kind: Service
metadata:
  {{- include "integr8scode.metadata" (merge (dict "suffix" (printf "%s-headless" .suffix)) $scope) | nindent 2 }}
spec:
  type: ClusterIP
  clusterIP: None
  publishNotReadyAddresses: true
  selector:
    {{- include "integr8scode.selectorLabels" $scope | nindent 4 }}
  ports:
    - {name: {{ .component }}, port: {{ .port }}, targetPort: {{ .component }}, protocol: TCP}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  {{- include "integr8scode.metadata" $scope | nindent 2 }}
spec:
  replicas: 1
  serviceName: {{ $full }}-{{ .suffix }}-headless
  selector:
    matchLabels:
      {{- include "integr8scode.selectorLabels" $scope | nindent 6 }}
  {{- if .server.persistence.enabled }}
  # The log is no archive: it goes with the release.
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete, whenScaled: Retain}
  {{- end }}
  template:
    metadata:
      labels:
        {{- include "integr8scode.selectorLabels" $scope | nindent 8 }}
    spec:
      {{- include "integr8scode.pod" $scope | nindent 6 }}
      terminationGracePeriodSeconds: 60
      containers:
        - name: {{ .component }}
          image: {{ .server.image | quote }}
          imagePullPolicy: {{ .root.Values.imagePullPolicy }}
          env:
            - {name: KAFKA_HEAP_OPTS, value: {{ .server.heapOpts | quote }}}
            {{- toYaml .env | nindent 12 }}
          ports:
            - {name: {{ .component }}, containerPort: {{ .port }}, protocol: TCP}
          startupProbe:
            tcpSocket: {port: {{ .component }}}
            periodSeconds: 2
            failureThreshold: 90
          readinessProbe:
            tcpSocket: {port: {{ .component }}}
            periodSeconds: 5
          livenessProbe:
            tcpSocket: {port: {{ .component }}}
            periodSeconds: 20
          {{- with .server.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          securityContext:
            {{- toYaml $infrastructure.containerSecurityContext | nindent 12 }}
          volumeMounts:
            - {name: data, mountPath: {{ .mountPath }}}
            {{- if .jaas }}
            - {name: jaas, mountPath: /etc/kafka/jaas, readOnly: true}
            {{- end }}
      {{- if or .jaas (not .server.persistence.enabled) }}
      volumes:
        {{- if not .server.persistence.enabled }}
        - name: data
          emptyDir: {}
        {{- end }}
        {{- if .jaas }}
        - name: jaas
          secret: {secretName: {{ $full }}-kafka-jaas}
        {{- end }}
      {{- end }}
  {{- if .server.persistence.enabled }}
  volumeClaimTemplates:
    {{- include "integr8scode.claim" (dict "root" .root "component" .component "persistence" .server.persistence) | nindent 4 }}
  {{- end }}
{{- end -}}
