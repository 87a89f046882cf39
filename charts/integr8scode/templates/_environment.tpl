{{/* The addresses of the servers: the release's own, or those elsewhere. */}}
{{- define "integr8scode.kafka" -}}
{{- if .Values.infrastructure.kafka.enabled -}}
{{ include "integr8scode.fullname" . }}-kafka:29092
{{- else -}}
{{ .Values.external.kafkaBootstrapServers }}
{{- end -}}
{{- end -}}

{{- define "integr8scode.schemaRegistry" -}}
{{- if .Values.infrastructure.schemaRegistry.enabled -}}
http://{{ include "integr8scode.fullname" . }}-schema-registry:8081
{{- else -}}
{{ .Values.external.schemaRegistryUrl }}
{{- end -}}
{{- end -}}

{{- define "integr8scode.mongodbUrl" -}}
{{- $values := .Values.mongodb -}}
{{- if $values.enabled -}}
{{- $login := "" -}}
{{- if $values.auth.enabled -}}
{{- $login = printf "%s:%s@" $values.auth.rootUser (urlquery $values.auth.rootPassword | replace "+" "%20") -}}
{{- end -}}
{{- $host := include "integr8scode.subchartName" (dict "root" . "chart" "mongodb") -}}
{{- printf "mongodb://%s%s:27017/%s%s" $login $host $values.database (ternary "?authSource=admin" "" $values.auth.enabled) -}}
{{- else -}}
{{ .Values.external.mongodbUrl }}
{{- end -}}
{{- end -}}

{{/* What the ConfigMap holds, as YAML: what the chart knows, and above it what the user says. */}}
{{- define "integr8scode.envData" -}}
{{- $values := .Values -}}
{{- $redisHost := printf "%s-master" (include "integr8scode.subchartName" (dict "root" . "chart" "redis")) -}}
{{- $data := dict
  "KAFKA_BOOTSTRAP_SERVERS" (include "integr8scode.kafka" .)
  "SCHEMA_REGISTRY_URL" (include "integr8scode.schemaRegistry" .)
  "REDIS_HOST" (ternary $redisHost $values.external.redisHost $values.redis.enabled)
  "REDIS_PORT" (ternary "6379" ($values.external.redisPort | toString) $values.redis.enabled)
  "KAFKA_TOPIC_PARTITIONS" ($values.infrastructure.kafka.partitions | toString)
-}}
{{- if $values.infrastructure.jaeger.enabled -}}
{{- $_ := set $data "OTEL_EXPORTER_OTLP_ENDPOINT" (printf "http://%s-jaeger:4317" (include "integr8scode.fullname" .)) -}}
{{- end -}}
{{- merge (deepCopy $values.env) $data | toYaml -}}
{{- end -}}

{{/* What the Secret holds, as YAML. */}}
{{- define "integr8scode.secretData" -}}
{{- $data := dict "MONGODB_URL" (include "integr8scode.mongodbUrl" .) -}}
{{- if .Values.redis.enabled -}}
{{- if .Values.redis.auth.enabled }}{{ $_ := set $data "REDIS_PASSWORD" .Values.redis.auth.password }}{{ end -}}
{{- else if .Values.external.redisPassword -}}
{{- $_ := set $data "REDIS_PASSWORD" .Values.external.redisPassword -}}
{{- end -}}
{{- merge (deepCopy .Values.secretEnv) $data | toYaml -}}
{{- end -}}
