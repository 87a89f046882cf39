{{/* A role that serves: its Deployment, Service and PodDisruptionBudget. Takes {root, component, image, role, port, scheme, live, ready, env, volumes, mounts, sysctls}. */}}
{{- define "integr8scode.server" -}}
{{- $role := .role -}}
{{- $scope := merge (dict "suffix" .component "podAnnotations" $role.podAnnotations) . -}}
{{- if .sysctls -}}
{{- $_ := set $scope "securityContext" (merge (dict "sysctls" .sysctls) (deepCopy .root.Values.podSecurityContext)) -}}
{{- end -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "integr8scode.metadata" $scope | nindent 2 }}
  {{- with $role.service.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ $role.service.type }}
  selector:
    {{- include "integr8scode.selectorLabels" $scope | nindent 4 }}
  ports:
    - {name: {{ lower .scheme }}, port: {{ $role.service.port }}, targetPort: {{ lower .scheme }}, protocol: TCP}
{{- if and $role.podDisruptionBudget (gt (int $role.replicas) 1) }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "integr8scode.metadata" $scope | nindent 2 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "integr8scode.selectorLabels" $scope | nindent 6 }}
{{- end }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "integr8scode.metadata" $scope | nindent 2 }}
spec:
  replicas: {{ $role.replicas }}
  # The new pod is ready before the old one drains, also with a single replica.
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
  selector:
    matchLabels:
      {{- include "integr8scode.selectorLabels" $scope | nindent 6 }}
  template:
    metadata:
      {{- include "integr8scode.podMetadata" $scope | nindent 6 }}
    spec:
      {{- include "integr8scode.pod" $scope | nindent 6 }}
      {{- with $role.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "integr8scode.selectorLabels" $scope | nindent 14 }}
      terminationGracePeriodSeconds: {{ $role.terminationGracePeriodSeconds }}
      volumes:
        - name: tmp
          emptyDir: {}
        {{- with .volumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      containers:
        - name: {{ .component }}
          {{- include "integr8scode.container" $scope | nindent 10 }}
          {{- with $role.command }}
          command:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with .env }}
          env:
            {{- toYaml . | nindent 12 }}
          {{- else }}
          envFrom:
            {{- include "integr8scode.envFrom" .root | nindent 12 }}
          {{- end }}
          ports:
            - {name: {{ lower .scheme }}, containerPort: {{ .port }}, protocol: TCP}
          startupProbe:
            httpGet: {path: {{ .live }}, port: {{ lower .scheme }}, scheme: {{ .scheme }}}
            {{- toYaml $role.probes.startup | nindent 12 }}
          readinessProbe:
            httpGet: {path: {{ .ready }}, port: {{ lower .scheme }}, scheme: {{ .scheme }}}
            {{- toYaml $role.probes.readiness | nindent 12 }}
          # Not {{ .ready }}: a restart does not bring a server back.
          livenessProbe:
            httpGet: {path: {{ .live }}, port: {{ lower .scheme }}, scheme: {{ .scheme }}}
            {{- toYaml $role.probes.liveness | nindent 12 }}
          lifecycle:
            preStop:
              exec:
                command: [sleep, {{ $role.preStopSleepSeconds | toString | quote }}]
          {{- with $role.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            {{- with .mounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
{{- end -}}
