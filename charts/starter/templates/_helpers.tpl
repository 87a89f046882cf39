{{- define "starter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* Short enough for the longest suffix; what is cut off is replaced by a digest, so that two long release names stay apart. */}}
{{- define "starter.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := printf "%s-%s" .Release.Name $name -}}
{{- if .Values.fullnameOverride -}}
{{- $full = .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- $full = .Release.Name -}}
{{- end -}}
{{- $full = $full | replace "." "-" -}}
{{- if gt (len $full) 50 -}}
{{- $full = printf "%s-%s" ($full | trunc 41 | trimSuffix "-") ($full | sha256sum | trunc 8) -}}
{{- end -}}
{{- $full -}}
{{- end -}}

{{/* Takes {root, component}; the worker's image is the API's if it has none of its own, and the migrations' always. */}}
{{- define "starter.image" -}}
{{- $values := .root.Values -}}
{{- if eq .component "web" -}}
{{- $values.web.image -}}
{{- else if eq .component "worker" -}}
{{- default $values.api.image $values.worker.image -}}
{{- else -}}
{{- $values.api.image -}}
{{- end -}}
{{- end -}}

{{/* Never changes for a release: selectors are immutable. Takes {root, component}. */}}
{{- define "starter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "starter.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* For metadata only. Takes {root, component}; without a component what belongs to all. */}}
{{- define "starter.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "starter.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{/* Who makes a role's Secret: `external`, `static`, `user`, or nobody. Takes {root, component}. */}}
{{- define "starter.secretSource" -}}
{{- $role := get .root.Values .component -}}
{{- $external := .root.Values.externalSecrets -}}
{{- if and $external.enabled (get $external .component).data -}}
external
{{- else if and (not $external.enabled) $role.secrets -}}
static
{{- else if $role.secretName -}}
user
{{- end -}}
{{- end -}}

{{/* Takes {root, component}. */}}
{{- define "starter.secretName" -}}
{{- default (printf "%s-%s" (include "starter.fullname" .root) .component) (get .root.Values .component).secretName -}}
{{- end -}}

{{/* The migrations use the API's Secret. The chart makes it only later, so that they get a copy of it, which is a hook itself. */}}
{{- define "starter.migrationsSecretName" -}}
{{- $scope := dict "root" . "component" "api" -}}
{{- if has (include "starter.secretSource" $scope) (list "external" "static") -}}
{{- include "starter.fullname" . }}-migrations
{{- else -}}
{{- include "starter.secretName" $scope -}}
{{- end -}}
{{- end -}}

{{- define "starter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "starter.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* A hook can not use the ServiceAccount that the chart makes: it is created later. */}}
{{- define "starter.migrationsServiceAccountName" -}}
{{- if .Values.migrations.serviceAccountName -}}
{{- .Values.migrations.serviceAccountName -}}
{{- else if .Values.serviceAccount.create -}}
default
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* A role's environment beside its Secret, each name once: the chart's own, then the role's `env`. Takes {root, component}. */}}
{{- define "starter.env" -}}
{{- $values := .root.Values -}}
{{- $role := get $values .component -}}
{{- $env := dict "HOME" "/tmp" -}}
{{- if and (eq .component "api") $values.worker.enabled -}}
  {{- $_ := merge $env (dict "ENABLE_BILLING_RETRY_WORKER" "false" "ENABLE_BILLING_STREAM_REPLAY" "false") -}}
{{- else if eq .component "worker" -}}
  {{- $_ := merge $env (dict "ENABLE_BILLING_RETRY_WORKER" "true" "ENABLE_BILLING_STREAM_REPLAY" "true" "BILLING_RETRY_DEPLOYMENT_MODE" "dedicated") -}}
{{- else if eq .component "web" -}}
  {{- $source := include "starter.secretSource" . -}}
  {{- $keys := dict "external" $values.externalSecrets.web.data "static" $role.secrets "user" (dict "API_BASE_URL" "") -}}
  {{- if not (hasKey (default dict (get $keys $source)) "API_BASE_URL") -}}
    {{- $_ := set $env "API_BASE_URL" (printf "http://%s-api:%d" (include "starter.fullname" .root) (int $values.api.service.port)) -}}
  {{- end -}}
{{- end -}}
{{- range $name, $value := mergeOverwrite $env $role.env }}
{{- if kindIs "map" $value }}
- {{ merge (dict "name" $name) $value | toJson }}
{{- else if not (kindIs "invalid" $value) }}
- {name: {{ $name }}, value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}}
{{- end }}
{{- end }}
{{- end -}}

{{/* Takes {root, component, role}. A user's label does not replace one of the selector's. */}}
{{- define "starter.podMetadata" -}}
labels:
  {{- $selector := include "starter.selectorLabels" . | fromYaml -}}
  {{- merge $selector .role.podLabels | toYaml | nindent 2 }}
{{- $annotations := dict -}}
{{- if eq (include "starter.secretSource" .) "static" -}}
{{- $_ := set $annotations "checksum/secret" (.role.secrets | toJson | sha256sum) -}}
{{- end -}}
{{- with merge (deepCopy .role.podAnnotations) $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What all containers share, besides their command and environment. Takes {root, component, role, secretName}. */}}
{{- define "starter.container" -}}
image: {{ include "starter.image" . | quote }}
imagePullPolicy: {{ .root.Values.imagePullPolicy }}
{{- with .secretName }}
envFrom:
  - secretRef: {name: {{ . }}}
{{- end }}
{{- with .role.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .root.Values.securityContext | nindent 2 }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  {{- with .role.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* What all pods share, besides their containers. Takes {root, role, serviceAccountName}. */}}
{{- define "starter.pod" -}}
serviceAccountName: {{ .serviceAccountName }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .role.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .role.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .role.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .role.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .role.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
volumes:
  - name: tmp
    emptyDir: {}
  {{- with .role.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* A Deployment of a role that serves. Takes {root, component, port, health, ready}. */}}
{{- define "starter.server" -}}
{{- $role := get .root.Values .component -}}
{{- $secretName := "" -}}
{{- if include "starter.secretSource" . }}{{ $secretName = include "starter.secretName" . }}{{ end -}}
{{- $scope := merge (dict "role" $role "secretName" $secretName "serviceAccountName" (include "starter.serviceAccountName" .root)) . -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "starter.fullname" .root }}-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "starter.labels" $scope | nindent 4 }}
spec:
  {{- if not .root.Values.autoscaling.enabled }}
  replicas: {{ $role.replicaCount }}
  {{- end }}
  # The new pod is ready before the old one drains, also with a single replica.
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
  selector:
    matchLabels:
      {{- include "starter.selectorLabels" $scope | nindent 6 }}
  template:
    metadata:
      {{- include "starter.podMetadata" $scope | nindent 6 }}
    spec:
      {{- include "starter.pod" $scope | nindent 6 }}
      terminationGracePeriodSeconds: {{ $role.terminationGracePeriodSeconds }}
      containers:
        - name: {{ .component }}
          {{- include "starter.container" $scope | nindent 10 }}
          env:
            {{- include "starter.env" $scope | trim | nindent 12 }}
          ports:
            - {name: http, containerPort: {{ .port }}, protocol: TCP}
          startupProbe:
            httpGet: {path: {{ .health }}, port: http}
            {{- toYaml $role.probes.startup | nindent 12 }}
          readinessProbe:
            httpGet: {path: {{ .ready }}, port: http}
            {{- toYaml $role.probes.readiness | nindent 12 }}
          # Not {{ .ready }}: a restart does not bring a neighbour back.
          livenessProbe:
            httpGet: {path: {{ .health }}, port: http}
            {{- toYaml $role.probes.liveness | nindent 12 }}
          lifecycle:
            preStop:
              exec:
                command: ["sleep", {{ $role.drainSeconds | quote }}]
{{- end -}}

{{/* Takes {root, component}. */}}
{{- define "starter.service" -}}
{{- $service := (get .root.Values .component).service -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "starter.fullname" .root }}-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "starter.labels" . | nindent 4 }}
  {{- with $service.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ $service.type }}
  selector:
    {{- include "starter.selectorLabels" . | nindent 4 }}
  ports:
    - {name: http, port: {{ $service.port }}, targetPort: http, protocol: TCP}
{{- end -}}

{{/* What no schema can say as well as a sentence does. */}}
{{- define "starter.validate" -}}
{{- $values := .Values -}}
{{- $external := $values.externalSecrets -}}
{{- $made := dict -}}
{{- range $component := list "api" "web" "worker" -}}
  {{- $role := get $values $component -}}
  {{- $data := (get $external $component).data -}}
  {{- if and $external.enabled $role.secrets -}}
    {{- fail (printf "externalSecrets.enabled is true, so %s.secrets would be ignored: set externalSecrets.enabled=false, or map them in externalSecrets.%s.data" $component $component) -}}
  {{- end -}}
  {{- if and (not $external.enabled) $data -}}
    {{- fail (printf "externalSecrets.enabled is false, so externalSecrets.%s.data would be ignored: set externalSecrets.enabled=true, or use %s.secrets" $component $component) -}}
  {{- end -}}
  {{- $scope := dict "root" $ "component" $component -}}
  {{- if and (has (include "starter.secretSource" $scope) (list "external" "static")) (or (ne $component "worker") $role.enabled) -}}
    {{- $name := include "starter.secretName" $scope -}}
    {{- with get $made $name -}}
      {{- fail (printf "%s.secretName and %s.secretName are both %q, but each is made from values of its own: give them different names" . $component $name) -}}
    {{- end -}}
    {{- $_ := set $made $name $component -}}
  {{- end -}}
{{- end -}}
{{- range $component := list "api" "web" -}}
  {{- $role := get $values $component -}}
  {{- if le (int $role.terminationGracePeriodSeconds) (int $role.drainSeconds) -}}
    {{- fail (printf "%s.terminationGracePeriodSeconds is %d and must be more than %s.drainSeconds (%d), else the pod is killed while it drains" $component (int $role.terminationGracePeriodSeconds) $component (int $role.drainSeconds)) -}}
  {{- end -}}
  {{- $scale := get $values.autoscaling $component -}}
  {{- if lt (int $scale.maxReplicas) (int $scale.minReplicas) -}}
    {{- fail (printf "autoscaling.%s.maxReplicas is %d and less than autoscaling.%s.minReplicas (%d)" $component (int $scale.maxReplicas) $component (int $scale.minReplicas)) -}}
  {{- end -}}
{{- end -}}
{{- if and $values.ingress.enabled (not (or $values.ingress.hosts $values.ingress.apiHosts)) -}}
  {{- fail "ingress.enabled is true but neither ingress.hosts nor ingress.apiHosts names a host" -}}
{{- end -}}
{{- end -}}
