{{- define "dispatch.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* Short enough for the longest suffix; what is cut off is replaced by a digest, so that two long release names stay apart. */}}
{{- define "dispatch.fullname" -}}
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

{{- define "dispatch.tag" -}}
{{- default .Chart.AppVersion .Values.image.tag -}}
{{- end -}}

{{/* Never changes for a release: selectors are immutable. Takes {root, component}. */}}
{{- define "dispatch.selectorLabels" -}}
app.kubernetes.io/name: {{ include "dispatch.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* For metadata only. Takes {root, component}; without a component what belongs to all. */}}
{{- define "dispatch.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "dispatch.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ include "dispatch.tag" .root | trunc 63 | trimAll "-_." | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{/* Takes {root, component}. A user's label does not replace one of the selector's. */}}
{{- define "dispatch.podMetadata" -}}
labels:
  {{- $selector := include "dispatch.selectorLabels" . | fromYaml -}}
  {{- merge $selector .root.Values.podLabels | toYaml | nindent 2 }}
{{- with .root.Values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "dispatch.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "dispatch.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* A hook can not use the ServiceAccount that the chart makes: it is created later. */}}
{{- define "dispatch.migrationsServiceAccountName" -}}
{{- if .Values.migrations.serviceAccountName -}}
{{- .Values.migrations.serviceAccountName -}}
{{- else if .Values.serviceAccount.create -}}
default
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* What the application reads from `config`, by variable. */}}
{{- define "dispatch.configEnv" -}}
{{- $config := .Values.config -}}
{{- $intervals := $config.scheduler.intervals -}}
{{- $aliases := dict -}}
{{- range $alias, $lane := $config.laneAliases -}}
  {{- if $lane }}{{ $_ := set $aliases $alias $lane }}{{ end -}}
{{- end -}}
{{- $env := dict
  "DISPATCH_AUTH_MODE" $config.authMode
  "DISPATCH_EXCLUDED_LABELS" (join "," $config.excludedLabels)
  "DISPATCH_GROOMER_ENABLED" $config.groomer.enabled
  "DISPATCH_GROOMER_DRY_RUN" $config.groomer.dryRun
  "DISPATCH_GROOMER_REPO_CONTEXT" $config.groomer.repoContext
  "DISPATCH_SCHEDULER_ENABLED" $config.scheduler.enabled
  "DISPATCH_SYNC_INTERVAL_MS" $intervals.syncMs
  "DISPATCH_GROOMER_INTERVAL_MS" $intervals.groomerMs
  "DISPATCH_PR_FOLLOWUP_INTERVAL_MS" $intervals.prFollowupMs
  "DISPATCH_PRUNE_CLOSED_INTERVAL_MS" $intervals.pruneClosedMs
  "DISPATCH_LANE_CONFIG_JSON" (dict "lanes" $config.lanes "aliases" $aliases | toJson)
-}}
{{- with $config.llmBaseUrl }}{{ $_ := set $env "DISPATCH_LLM_BASE_URL" . }}{{ end -}}
{{- with $config.groomer.model }}{{ $_ := set $env "DISPATCH_GROOMER_MODEL" . }}{{ end -}}
{{- toJson $env -}}
{{- end -}}

{{/* A container's environment, each name once: the chart's own, then `env`. Takes {root, env}. */}}
{{- define "dispatch.env" -}}
{{- $values := .root.Values -}}
{{- $env := dict "HOME" "/tmp" -}}
{{- with $values.database.existingSecret -}}
  {{- $_ := set $env "DATABASE_URL" (dict "valueFrom" (dict "secretKeyRef" (dict "name" . "key" $values.database.key))) -}}
{{- end -}}
{{- range $name, $value := mergeOverwrite $env .env $values.env }}
{{- if kindIs "map" $value }}
- {{ merge (dict "name" $name) $value | toJson }}
{{- else if not (kindIs "invalid" $value) }}
- {name: {{ $name }}, value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}}
{{- end }}
{{- end }}
{{- end -}}

{{/* What both containers share, besides their command and environment. Takes {root, resources}. */}}
{{- define "dispatch.container" -}}
image: {{ printf "%s:%s" .root.Values.image.repository (include "dispatch.tag" .root) | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
workingDir: /app
{{- with .root.Values.existingSecret }}
envFrom:
  - secretRef: {name: {{ . }}}
{{- end }}
{{- with .resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .root.Values.securityContext | nindent 2 }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
{{- end -}}

{{/* What both kinds of pods share, besides their containers. Takes {root, serviceAccountName}. */}}
{{- define "dispatch.pod" -}}
{{- with .root.Values -}}
serviceAccountName: {{ $.serviceAccountName }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- toYaml .podSecurityContext | nindent 2 }}
{{- with .imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
volumes:
  - name: tmp
    emptyDir: {}
{{- end -}}
{{- end -}}

{{/* What no schema can say, or say as well as a sentence does. */}}
{{- define "dispatch.validate" -}}
{{- $values := .Values -}}
{{- if ne .Chart.Version .Chart.AppVersion -}}
  {{- fail (printf "the chart's version is %s and its appVersion %s, but they must be the same: package it with --version and --app-version" .Chart.Version .Chart.AppVersion) -}}
{{- end -}}
{{- $tag := include "dispatch.tag" . -}}
{{- if and (regexMatch `^(latest$|v?[0-9]+\.[0-9]+\.[0-9]+)` $tag) (ne $tag .Chart.AppVersion) -}}
  {{- fail (printf "image.tag is %s, but this chart deploys %s: leave image.tag empty, or take the chart of that version" $tag .Chart.AppVersion) -}}
{{- end -}}
{{- $ids := list -}}
{{- $roles := dict "default" list "escalation" list -}}
{{- range $lane := $values.config.lanes -}}
  {{- if has $lane.id $ids -}}
    {{- fail (printf "config.lanes has two lanes with the id %q: give each an id of its own" $lane.id) -}}
  {{- end -}}
  {{- $ids = append $ids $lane.id -}}
  {{- with $lane.role }}{{ $_ := set $roles . (append (get $roles .) $lane.id) }}{{ end -}}
{{- end -}}
{{- if not $roles.default -}}
  {{- fail (printf "config.lanes has no lane with role default (lanes: %s): give one of them role=default" (join ", " $ids)) -}}
{{- end -}}
{{- range $role, $lanes := $roles -}}
  {{- if gt (len $lanes) 1 -}}
    {{- fail (printf "config.lanes has %d lanes with role %s (%s): only one can have it" (len $lanes) $role (join ", " $lanes)) -}}
  {{- end -}}
{{- end -}}
{{- range $alias, $lane := $values.config.laneAliases -}}
  {{- if and $lane (not (has $lane $ids)) -}}
    {{- fail (printf "config.laneAliases.%s is %q, but no lane has that id (lanes: %s): name one of them, or set it to null to drop the alias" $alias $lane (join ", " $ids)) -}}
  {{- end -}}
{{- end -}}
{{- if not (or $values.existingSecret $values.database.existingSecret (hasKey $values.env "DATABASE_URL")) -}}
  {{- fail "DATABASE_URL is nowhere to be found: set existingSecret, database.existingSecret or env.DATABASE_URL" -}}
{{- end -}}
{{- if le (int $values.terminationGracePeriodSeconds) (int $values.drainSeconds) -}}
  {{- fail (printf "terminationGracePeriodSeconds is %d and must be more than drainSeconds (%d), else the pod is killed while it drains" (int $values.terminationGracePeriodSeconds) (int $values.drainSeconds)) -}}
{{- end -}}
{{- if and $values.httpRoute.enabled (not $values.httpRoute.parentRefs) -}}
  {{- fail "httpRoute.enabled is true but httpRoute.parentRefs is empty: name the Gateway that the route belongs to" -}}
{{- end -}}
{{- end -}}
