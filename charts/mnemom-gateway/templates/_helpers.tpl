{{- define "mnemom-gateway.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* Short enough for a StatefulSet with the longest suffix, whose name becomes part of a label; what is cut off is replaced by a digest. */}}
{{- define "mnemom-gateway.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := printf "%s-%s" .Release.Name $name -}}
{{- if .Values.fullnameOverride -}}
{{- $full = .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- $full = .Release.Name -}}
{{- end -}}
{{- $full = $full | replace "." "-" -}}
{{- if gt (len $full) 40 -}}
{{- $full = printf "%s-%s" ($full | trunc 31 | trimSuffix "-") ($full | sha256sum | trunc 8) -}}
{{- end -}}
{{- $full -}}
{{- end -}}

{{- define "mnemom-gateway.tag" -}}
{{- default .Chart.AppVersion .Values.image.tag -}}
{{- end -}}

{{- define "mnemom-gateway.image" -}}
{{- printf "%s:%s" .Values.image.repository (include "mnemom-gateway.tag" .) -}}
{{- with .Values.image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{/* Never changes for a release: selectors are immutable. Takes {root, component}. */}}
{{- define "mnemom-gateway.selectorLabels" -}}
app.kubernetes.io/name: {{ include "mnemom-gateway.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* For metadata only. Takes {root, component}; without a component what belongs to all. */}}
{{- define "mnemom-gateway.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "mnemom-gateway.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ include "mnemom-gateway.tag" .root | trunc 63 | trimAll "-_." | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{/* Name, namespace and labels. Takes {root, component, suffix}. */}}
{{- define "mnemom-gateway.metadata" -}}
name: {{ include "mnemom-gateway.fullname" .root }}{{ with .suffix }}-{{ . }}{{ end }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "mnemom-gateway.labels" . | nindent 2 }}
{{- end -}}

{{/* The server of the release's own: "redis" or "postgresql", or nothing. Takes {root, server}. */}}
{{- define "mnemom-gateway.internal" -}}
{{- $key := get (dict "redis" "REDIS_URL" "postgresql" "DATABASE_URL") .server -}}
{{- if and (get .root.Values .server).enabled (not (get .root.Values.secrets.values $key)) -}}
{{- .server -}}
{{- end -}}
{{- end -}}

{{/* What the chart's own Secret holds, as YAML: what the user gave, and the addresses that the chart knows. */}}
{{- define "mnemom-gateway.secretData" -}}
{{- $data := dict -}}
{{- range $key, $value := .Values.secrets.values -}}
  {{- with $value }}{{ $_ := set $data $key . }}{{ end -}}
{{- end -}}
{{- with .Values.redis -}}
  {{- if include "mnemom-gateway.internal" (dict "root" $ "server" "redis") -}}
    {{- $login := "" -}}
    {{- if .auth.enabled -}}
      {{- $login = printf ":%s@" .auth.password -}}
      {{- $_ := set $data "redis-password" .auth.password -}}
    {{- end -}}
    {{- $_ := set $data "REDIS_URL" (printf "redis://%s%s-redis:6379" $login (include "mnemom-gateway.fullname" $)) -}}
  {{- else if .externalUrl -}}
    {{- $_ := set $data "REDIS_URL" .externalUrl -}}
  {{- end -}}
{{- end -}}
{{- with .Values.postgresql -}}
  {{- if include "mnemom-gateway.internal" (dict "root" $ "server" "postgresql") -}}
    {{- $address := printf "%s-postgresql:5432" (include "mnemom-gateway.fullname" $) -}}
    {{- $_ := set $data "DATABASE_URL" (printf "postgres://%s:%s@%s/%s" .auth.username .auth.password $address .auth.database) -}}
    {{- $_ := set $data "postgres-password" .auth.password -}}
  {{- else if .externalUrl -}}
    {{- $_ := set $data "DATABASE_URL" .externalUrl -}}
  {{- end -}}
{{- end -}}
{{- toYaml $data -}}
{{- end -}}

{{/* Takes {root, component, podLabels, podAnnotations}. A user's label does not replace one of the selector's. */}}
{{- define "mnemom-gateway.podMetadata" -}}
labels:
  {{- $selector := include "mnemom-gateway.selectorLabels" . | fromYaml -}}
  {{- merge $selector (default (dict) .podLabels) | toYaml | nindent 2 }}
annotations:
  {{- $checksum := dict "checksum/secret" (include "mnemom-gateway.secretData" .root | sha256sum) -}}
  {{- merge (deepCopy (default (dict) .podAnnotations)) $checksum | toYaml | nindent 2 }}
{{- end -}}

{{- define "mnemom-gateway.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "mnemom-gateway.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* A hook can not use the ServiceAccount that the chart makes: it is created later. */}}
{{- define "mnemom-gateway.migrationsServiceAccountName" -}}
{{- if .Values.migrations.serviceAccountName -}}
{{- .Values.migrations.serviceAccountName -}}
{{- else if .Values.serviceAccount.create -}}
default
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* What every role needs. Takes {root, secret, role}. The port is the gateway's alone. */}}
{{- define "mnemom-gateway.env" -}}
{{- $own := include "mnemom-gateway.secretData" .root | fromYaml -}}
{{- $existing := .root.Values.secrets.existingSecret -}}
{{- $secret := .secret -}}
{{- range $key := list "SUPABASE_URL" "SUPABASE_KEY" "ANTHROPIC_API_KEY" "MNEMOM_LICENSE_JWT" "DATABASE_URL" "REDIS_URL" }}
- name: {{ $key }}
  valueFrom:
    secretKeyRef: {name: {{ ternary $secret $existing (hasKey $own $key) }}, key: {{ $key }}}
{{- end }}
{{- range $key := list "OPENAI_API_KEY" "GEMINI_API_KEY" }}
{{- if or $existing (hasKey $own $key) }}
- name: {{ $key }}
  valueFrom:
    secretKeyRef: {name: {{ default $secret $existing }}, key: {{ $key }}, optional: true}
{{- end }}
{{- end }}
{{- range $key, $value := omit .root.Values.config "SMOLTBOT_ROLE" "PORT" }}
- {name: {{ $key }}, value: {{ $value | quote }}}
{{- end }}
{{- with .role }}
- {name: SMOLTBOT_ROLE, value: {{ . }}}
{{- end }}
{{- end -}}

{{/* How `psql` and `pg_isready` reach the internal server. Takes {root, secret}. */}}
{{- define "mnemom-gateway.postgresEnv" -}}
- {name: PGHOST, value: {{ include "mnemom-gateway.fullname" .root }}-postgresql}
- {name: PGUSER, value: {{ .root.Values.postgresql.auth.username }}}
- {name: PGDATABASE, value: {{ .root.Values.postgresql.auth.database }}}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef: {name: {{ .secret }}, key: postgres-password}
{{- end -}}

{{/* A container of the server's image that runs a line of shell. Takes {root, secret, name, script}. */}}
{{- define "mnemom-gateway.postgresClient" -}}
- name: {{ .name }}
  image: {{ .root.Values.postgresql.image | quote }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  command: ["/bin/sh", "-ec", {{ .script | quote }}]
  env:
    {{- include "mnemom-gateway.postgresEnv" . | nindent 4 }}
  resources:
    requests: {cpu: 10m, memory: 16Mi}
    limits: {memory: 64Mi}
  securityContext:
    {{- toYaml .root.Values.containerSecurityContext | nindent 4 }}
{{- end -}}

{{/* The pods start together with the internal server: they wait for the mark that the first migration leaves on the database. */}}
{{- define "mnemom-gateway.waitForSchema" -}}
{{- if and .root.Values.migrations.enabled (include "mnemom-gateway.internal" (dict "root" .root "server" "postgresql")) }}
initContainers:
  {{- $query := "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()" }}
  {{- $script := printf "until [ \"$(psql -tAc \"%s\" 2> /dev/null)\" = migrated ]; do sleep 1; done" $query }}
  {{- include "mnemom-gateway.postgresClient" (dict "root" .root "secret" .secret "name" "wait-for-schema" "script" $script) | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What all containers of the application share, besides their command, environment and resources. Takes {root}. */}}
{{- define "mnemom-gateway.container" -}}
image: {{ include "mnemom-gateway.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  {{- toYaml .root.Values.containerSecurityContext | nindent 2 }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
{{- end -}}

{{/* What all pods share, besides their containers and volumes. Takes {root, serviceAccountName, securityContext}. */}}
{{- define "mnemom-gateway.pod" -}}
serviceAccountName: {{ .serviceAccountName }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- toYaml (default .root.Values.podSecurityContext .securityContext) | nindent 2 }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The Job's spec, for the hook and for the first migration. Takes {root, component, secret, serviceAccountName}. */}}
{{- define "mnemom-gateway.migrationJob" -}}
{{- $values := .root.Values -}}
{{- $isInternal := include "mnemom-gateway.internal" (dict "root" .root "server" "postgresql") -}}
backoffLimit: {{ $values.migrations.backoffLimit }}
activeDeadlineSeconds: {{ $values.migrations.activeDeadlineSeconds }}
{{- if not (kindIs "invalid" $values.migrations.ttlSecondsAfterFinished) }}
ttlSecondsAfterFinished: {{ $values.migrations.ttlSecondsAfterFinished }}
{{- end }}
template:
  metadata:
    {{- include "mnemom-gateway.podMetadata" . | nindent 4 }}
  spec:
    {{- include "mnemom-gateway.pod" . | nindent 4 }}
    restartPolicy: Never
    volumes:
      - name: tmp
        emptyDir: {}
    {{- if $isInternal }}
    initContainers:
      {{- include "mnemom-gateway.postgresClient" (dict "root" .root "secret" .secret "name" "wait-for-database" "script" "until pg_isready -q; do sleep 1; done") | nindent 6 }}
    {{- else }}
    containers:
    {{- end }}
      - name: migrate
        {{- include "mnemom-gateway.container" . | nindent 8 }}
        args: ["migrate"]
        env:
          {{- include "mnemom-gateway.env" . | trim | nindent 10 }}
        {{- with $values.migrations.resources }}
        resources:
          {{- toYaml . | nindent 10 }}
        {{- end }}
    {{- if $isInternal }}
    containers:
      # Pods of the release start when they see it.
      {{- $script := printf "psql -qc \"COMMENT ON DATABASE \\\"%s\\\" IS 'migrated'\"" $values.postgresql.auth.database }}
      {{- include "mnemom-gateway.postgresClient" (dict "root" .root "secret" .secret "name" "mark" "script" $script) | nindent 6 }}
    {{- end }}
{{- end -}}

{{/* Combinations that no schema can explain as well as a sentence does. */}}
{{- define "mnemom-gateway.validate" -}}
{{- $values := .Values -}}
{{- $missing := list -}}
{{- $given := list -}}
{{- range $key := list "SUPABASE_URL" "SUPABASE_KEY" "ANTHROPIC_API_KEY" "MNEMOM_LICENSE_JWT" -}}
  {{- if not (get $values.secrets.values $key) }}{{ $missing = append $missing (printf "secrets.values.%s" $key) }}{{ end -}}
{{- end -}}
{{- range $key, $value := $values.secrets.values -}}
  {{- if $value }}{{ $given = append $given (printf "secrets.values.%s" $key) }}{{ end -}}
{{- end -}}
{{- range $server, $key := dict "redis" "REDIS_URL" "postgresql" "DATABASE_URL" -}}
  {{- $of := get $values $server -}}
  {{- $inline := get $values.secrets.values $key -}}
  {{- if and $of.externalUrl $inline -}}
    {{- fail (printf "both %s.externalUrl and secrets.values.%s are set: set one of them" $server $key) -}}
  {{- end -}}
  {{- if and $of.enabled $of.externalUrl -}}
    {{- fail (printf "%s.enabled is true, so %s.externalUrl would be ignored: set %s.enabled=false to use it" $server $server $server) -}}
  {{- end -}}
  {{- if not (or $of.enabled $of.externalUrl $inline $values.secrets.existingSecret) -}}
    {{- $missing = append $missing (printf "%s.externalUrl (or secrets.values.%s, or %s.enabled=true)" $server $key $server) -}}
  {{- end -}}
{{- end -}}
{{- if and (include "mnemom-gateway.internal" (dict "root" . "server" "postgresql")) (not $values.postgresql.auth.password) -}}
  {{- $hint := ternary "postgresql.auth.password (or postgresql.enabled=false, if the Secret names a database)" "postgresql.auth.password (or secrets.values.DATABASE_URL)" (ne $values.secrets.existingSecret "") -}}
  {{- if $values.secrets.existingSecret -}}
    {{- fail (printf "set %s" $hint) -}}
  {{- end -}}
  {{- $missing = append $missing $hint -}}
{{- end -}}
{{- if and (include "mnemom-gateway.internal" (dict "root" . "server" "redis")) $values.redis.auth.enabled (not $values.redis.auth.password) -}}
  {{- fail "redis.auth.enabled is true: set redis.auth.password as well" -}}
{{- end -}}
{{- if and $values.secrets.existingSecret $given -}}
  {{- fail (printf "secrets.existingSecret is set, so %s would be ignored: put it into that Secret" (join " and " $given)) -}}
{{- end -}}
{{- if and (not $values.secrets.existingSecret) $missing -}}
  {{- fail (printf "secrets are missing: set %s, or name a Secret that has them in secrets.existingSecret" (join ", " $missing)) -}}
{{- end -}}
{{- if le (int $values.terminationGracePeriodSeconds) (int $values.preStopSleepSeconds) -}}
  {{- fail (printf "terminationGracePeriodSeconds is %d and must be more than preStopSleepSeconds (%d), else the pod is killed while it drains" (int $values.terminationGracePeriodSeconds) (int $values.preStopSleepSeconds)) -}}
{{- end -}}
{{- if and $values.ingress.enabled (not $values.ingress.hosts) -}}
  {{- fail "ingress.enabled is true but no host is known: set ingress.hosts" -}}
{{- end -}}
{{- if $values.hpa.enabled -}}
  {{- if gt (int $values.hpa.minReplicas) (int $values.hpa.maxReplicas) -}}
    {{- fail (printf "hpa.minReplicas is %d and must not be more than hpa.maxReplicas (%d)" (int $values.hpa.minReplicas) (int $values.hpa.maxReplicas)) -}}
  {{- end -}}
  {{- if not (or $values.hpa.targetCPU $values.hpa.targetMemory) -}}
    {{- fail "hpa.enabled is true: set hpa.targetCPU or hpa.targetMemory" -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* A volume claim of an internal server. It is immutable: no label of it changes with the chart's version. Takes {root, component, persistence}. */}}
{{- define "mnemom-gateway.claim" -}}
- metadata:
    name: data
    labels:
      {{- include "mnemom-gateway.selectorLabels" . | nindent 6 }}
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .persistence.storageClass }}
    storageClassName: {{ . }}
    {{- end }}
    resources:
      requests: {storage: {{ .persistence.size }}}
{{- end -}}
