{{- define "integr8scode.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Short enough for a StatefulSet with the longest suffix, whose name becomes part of a label; what is cut off is replaced by a digest. */}}
{{- define "integr8scode.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := printf "%s-%s" .Release.Name $name -}}
{{- if .Values.fullnameOverride -}}
{{- $full = .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- $full = .Release.Name -}}
{{- end -}}
{{- $full = $full | replace "." "-" -}}
{{- if gt (len $full) 36 -}}
{{- $full = printf "%s-%s" ($full | trunc 27 | trimSuffix "-") ($full | sha256sum | trunc 8) -}}
{{- end -}}
{{- $full -}}
{{- end -}}

{{/* The stem of a sub-chart's names, as its own helper makes it. Takes {root, chart}. */}}
{{- define "integr8scode.subchartName" -}}
{{- printf "%s-%s" (.root.Release.Name | replace "." "-" | trunc 40 | trimSuffix "-") .chart -}}
{{- end -}}

{{/* Takes {root, image}: the name of one of `images`. */}}
{{- define "integr8scode.tag" -}}
{{- default .root.Chart.AppVersion (get .root.Values.images .image).tag -}}
{{- end -}}

{{- define "integr8scode.image" -}}
{{- printf "%s:%s" (get .root.Values.images .image).repository (include "integr8scode.tag" .) -}}
{{- end -}}

{{/* Never changes for a release: selectors are immutable. Takes {root, component}. */}}
{{- define "integr8scode.selectorLabels" -}}
app.kubernetes.io/name: {{ include "integr8scode.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* For metadata only. Takes {root, component, image}; without a component what belongs to all. */}}
{{- define "integr8scode.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "integr8scode.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .image }}
app.kubernetes.io/version: {{ include "integr8scode.tag" $ | trunc 63 | trimAll "-_." | quote }}
{{- end }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{/* Name, namespace and labels. Takes {root, component, suffix, image}. */}}
{{- define "integr8scode.metadata" -}}
name: {{ include "integr8scode.fullname" .root }}{{ with .suffix }}-{{ . }}{{ end }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "integr8scode.labels" . | nindent 2 }}
{{- end -}}

{{/* Takes {root, component, podAnnotations}. Pods roll when what their environment is made of changes. */}}
{{- define "integr8scode.podMetadata" -}}
labels:
  {{- include "integr8scode.selectorLabels" . | nindent 2 }}
annotations:
  checksum/env: {{ include "integr8scode.envData" .root | sha256sum }}
  checksum/secret: {{ include "integr8scode.secretData" .root | sha256sum }}
  {{- with .podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* What all pods share, besides containers and volumes. Takes {root, securityContext, serviceAccountName}. Kubernetes' own variables
for Services (`KAFKA_PORT=tcp://…`) would be taken for settings: they are left out. */}}
{{- define "integr8scode.pod" -}}
{{- with .serviceAccountName }}
serviceAccountName: {{ . }}
{{- end }}
automountServiceAccountToken: {{ ternary true false (not (empty .serviceAccountName)) }}
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

{{/* What all containers of the application share. Takes {root, image}. */}}
{{- define "integr8scode.container" -}}
image: {{ include "integr8scode.image" . | quote }}
imagePullPolicy: {{ .root.Values.imagePullPolicy }}
securityContext:
  {{- toYaml .root.Values.containerSecurityContext | nindent 2 }}
{{- end -}}

{{/* Where backend, workers and jobs have their environment from. */}}
{{- define "integr8scode.envFrom" -}}
- configMapRef: {name: {{ include "integr8scode.fullname" . }}-env}
- secretRef: {name: {{ include "integr8scode.fullname" . }}-secrets}
{{- end -}}

{{- define "integr8scode.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "integr8scode.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}
