{{- define "codex-pooler.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* Short enough for the longest suffix; what is cut off is replaced by a digest, so that two long release names stay apart. */}}
{{- define "codex-pooler.fullname" -}}
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

{{/* Never changes for a release: selectors are immutable. Takes {root, component}. */}}
{{- define "codex-pooler.selectorLabels" -}}
app.kubernetes.io/name: {{ include "codex-pooler.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* For metadata only. Takes {root, component}; without a component what belongs to all roles. */}}
{{- define "codex-pooler.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "codex-pooler.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ .root.Values.image.tag | trunc 63 | trimAll "-_." | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{/* Takes {root, component, role}. A user's label does not replace one of the selector's. */}}
{{- define "codex-pooler.podMetadata" -}}
labels:
  {{- $selector := include "codex-pooler.selectorLabels" . | fromYaml -}}
  {{- merge $selector .role.podLabels | toYaml | nindent 2 }}
{{- $annotations := dict -}}
{{- if .root.Values.secrets.create -}}
{{- $_ := set $annotations "checksum/secret" (.root.Values.secrets.data | toJson | sha256sum) -}}
{{- end -}}
{{- with merge (deepCopy .role.podAnnotations) $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "codex-pooler.image" -}}
{{- with .Values.image -}}
{{- printf "%s:%s" .repository .tag -}}
{{- with .digest }}@{{ . }}{{ end -}}
{{- end -}}
{{- end -}}

{{- define "codex-pooler.secretName" -}}
{{- if .Values.secrets.create -}}
{{- include "codex-pooler.fullname" . -}}
{{- else -}}
{{- .Values.secrets.existingSecret -}}
{{- end -}}
{{- end -}}

{{/* A hook runs before the chart's own Secret exists, and before it is changed: it gets a copy that is a hook itself. */}}
{{- define "codex-pooler.migrationsSecretName" -}}
{{- if .Values.secrets.create -}}
{{- include "codex-pooler.fullname" . }}-migrations
{{- else -}}
{{- .Values.secrets.existingSecret -}}
{{- end -}}
{{- end -}}

{{- define "codex-pooler.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "codex-pooler.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* A hook can not use the ServiceAccount that the chart makes: it is created later. */}}
{{- define "codex-pooler.migrationsServiceAccountName" -}}
{{- if .Values.migrations.serviceAccountName -}}
{{- .Values.migrations.serviceAccountName -}}
{{- else if .Values.serviceAccount.create -}}
default
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "codex-pooler.clusterQuery" -}}
{{- default (printf "%s-headless.%s.svc.%s" (include "codex-pooler.fullname" .) .Release.Namespace .Values.clusterDomain) .Values.clustering.query -}}
{{- end -}}

{{/* What every role needs. Takes {root, role, secret}. */}}
{{- define "codex-pooler.env" -}}
{{- $secret := .secret -}}
{{- range $name, $key := dict
  "DATABASE_URL" "database-url"
  "SECRET_KEY_BASE" "secret-key-base"
  "CODEX_POOLER_TOTP_ENCRYPTION_KEY" "totp-encryption-key"
  "CODEX_POOLER_TOTP_KEY_VERSION" "totp-key-version"
  "CODEX_POOLER_UPSTREAM_SECRET_KEY" "upstream-secret-key"
  "CODEX_POOLER_UPSTREAM_SECRET_KEY_VERSION" "upstream-secret-key-version" }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef: {name: {{ $secret }}, key: {{ $key }}}
{{- end }}
{{- with .root.Values.config.host }}
- {name: PHX_HOST, value: {{ . | quote }}}
{{- end }}
# The root file system is read-only.
- {name: RELEASE_TMP, value: /tmp}
- {name: HOME, value: /tmp}
{{- with concat .root.Values.extraEnv .role.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What the containers of all roles share, besides their command and environment. Takes {root, role}. */}}
{{- define "codex-pooler.container" -}}
image: {{ include "codex-pooler.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
{{- with .root.Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .role.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .root.Values.securityContext | nindent 2 }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
{{- end -}}

{{/* What the pods of all roles share, besides their containers. Takes {root, role, serviceAccountName}. */}}
{{- define "codex-pooler.pod" -}}
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
{{- end -}}

{{/* Combinations that no schema can explain as well as a sentence does. */}}
{{- define "codex-pooler.validate" -}}
{{- $values := .Values -}}
{{- $app := $values.app -}}
{{- if and $app.enabled (gt (int $app.replicaCount) 1) -}}
  {{- $missing := list -}}
  {{- if not $values.clustering.enabled }}{{ $missing = append $missing "clustering.enabled=true" }}{{ end -}}
  {{- if not $app.websocketContinuity.ownerForwarding.enabled }}{{ $missing = append $missing "app.websocketContinuity.ownerForwarding.enabled=true" }}{{ end -}}
  {{- if not $app.websocketContinuity.allowUnsafeMultiReplica }}{{ $missing = append $missing "app.websocketContinuity.allowUnsafeMultiReplica=true" }}{{ end -}}
  {{- if $missing -}}
    {{- fail (printf "app.replicaCount is %d, but a websocket session lives in one pod: set %s, or keep app.replicaCount=1" (int $app.replicaCount) (join " and " $missing)) -}}
  {{- end -}}
{{- end -}}
{{- if le (int $app.terminationGracePeriodSeconds) (int $app.drain.delaySeconds) -}}
  {{- fail (printf "app.terminationGracePeriodSeconds is %d and must be more than app.drain.delaySeconds (%d), else the pod is killed while it drains" (int $app.terminationGracePeriodSeconds) (int $app.drain.delaySeconds)) -}}
{{- end -}}
{{- $given := list -}}
{{- $absent := list -}}
{{- range $key, $value := $values.secrets.data -}}
  {{- if $value -}}
    {{- $given = append $given (printf "secrets.data.%s" $key) -}}
  {{- else if or (ne $key "release-cookie") $values.clustering.enabled -}}
    {{- $absent = append $absent (printf "secrets.data.%s" $key) -}}
  {{- end -}}
{{- end -}}
{{- if and $values.secrets.create $absent -}}
  {{- fail (printf "secrets.create is true: set %s as well" (join " and " $absent)) -}}
{{- end -}}
{{- if and (not $values.secrets.create) $given -}}
  {{- fail (printf "secrets.create is false, so %s would be ignored: set secrets.create=true, or put it into the Secret that secrets.existingSecret names" (join " and " $given)) -}}
{{- end -}}
{{- if and (not $values.secrets.create) (not $values.secrets.existingSecret) -}}
  {{- fail "secrets.existingSecret is empty: name a Secret that exists, or set secrets.create=true and secrets.data" -}}
{{- end -}}
{{- if and $values.ingress.enabled $app.enabled (not $values.ingress.hosts) (not $values.config.host) -}}
  {{- fail "ingress.enabled is true but no host is known: set config.host or ingress.hosts" -}}
{{- end -}}
{{- if and $values.ingress.enabled (not $app.enabled) -}}
  {{- fail "ingress.enabled is true but app.enabled is false, so nothing would answer: enable the app or disable the ingress" -}}
{{- end -}}
{{- end -}}
