{{/* What no schema can say as well as a sentence does. */}}
{{- define "integr8scode.validate" -}}
{{- $values := .Values -}}
{{- $missing := list -}}
{{- if $values.userSeed.enabled -}}
  {{- range $key := list "defaultUserPassword" "adminUserPassword" -}}
    {{- if not (get $values.userSeed $key) }}{{ $missing = append $missing (printf "userSeed.%s" $key) }}{{ end -}}
  {{- end -}}
{{- end -}}
{{- if and $values.mongodb.enabled $values.mongodb.auth.enabled (not $values.mongodb.auth.rootPassword) -}}
  {{- $missing = append $missing "mongodb.auth.rootPassword" -}}
{{- end -}}
{{- if and $values.redis.enabled $values.redis.auth.enabled (not $values.redis.auth.password) -}}
  {{- $missing = append $missing "redis.auth.password" -}}
{{- end -}}
{{- if $missing -}}
  {{- fail (printf "passwords are missing: set %s" (join ", " $missing)) -}}
{{- end -}}
{{- $servers := list
  (list "infrastructure.kafka.enabled" $values.infrastructure.kafka.enabled "external.kafkaBootstrapServers" $values.external.kafkaBootstrapServers)
  (list "infrastructure.schemaRegistry.enabled" $values.infrastructure.schemaRegistry.enabled "external.schemaRegistryUrl" $values.external.schemaRegistryUrl)
  (list "mongodb.enabled" $values.mongodb.enabled "external.mongodbUrl" $values.external.mongodbUrl)
  (list "redis.enabled" $values.redis.enabled "external.redisHost" $values.external.redisHost)
-}}
{{- range $server := $servers -}}
  {{- $enabled := index $server 1 -}}
  {{- $address := index $server 3 -}}
  {{- if and (not $enabled) (not $address) -}}
    {{- fail (printf "%s is false: set %s" (index $server 0) (index $server 2)) -}}
  {{- end -}}
  {{- if and $enabled $address -}}
    {{- fail (printf "%s is true, so %s would be ignored: set %s=false to use it" (index $server 0) (index $server 2) (index $server 0)) -}}
  {{- end -}}
{{- end -}}
{{- if and $values.infrastructure.kafka.enabled (not $values.infrastructure.zookeeper.enabled) -}}
  {{- fail "infrastructure.kafka.enabled is true and infrastructure.zookeeper.enabled is false: this Kafka needs its ZooKeeper" -}}
{{- end -}}
{{- if and $values.infrastructure.kafka.enabled (ne $values.infrastructure.kafka.persistence.enabled $values.infrastructure.zookeeper.persistence.enabled) -}}
  {{- fail "infrastructure.kafka.persistence.enabled and infrastructure.zookeeper.persistence.enabled differ: a broker refuses the cluster that it finds in a ZooKeeper without its memory" -}}
{{- end -}}
{{- range $role := list "backend" "frontend" -}}
  {{- with get $values $role -}}
    {{- if le (int .terminationGracePeriodSeconds) (int .preStopSleepSeconds) -}}
      {{- fail (printf "%s.terminationGracePeriodSeconds is %d and must be more than %s.preStopSleepSeconds (%d), else the pod is killed while it drains" $role (int .terminationGracePeriodSeconds) $role (int .preStopSleepSeconds)) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if and $values.ingress.enabled (not $values.ingress.hosts) -}}
  {{- fail "ingress.enabled is true but no host is known: set ingress.hosts" -}}
{{- end -}}
{{- if and $values.frontend.enabled (not $values.backend.enabled) -}}
  {{- fail "frontend.enabled is true and backend.enabled is false: the frontend has nobody to ask" -}}
{{- end -}}
{{- end -}}
