{{- define "meshsync.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Names of cluster-wide objects hold the namespace where it is not the release's own name. */ -}}
{{- define "meshsync.clusterName" -}}
{{- $name := include "meshsync.fullname" . -}}
{{- /* `helm lint` knows no namespace. */ -}}
{{- if or (not .Release.Namespace) (eq $name .Release.Namespace) -}}
{{- $name -}}
{{- else -}}
{{- printf "%s-%s" .Release.Namespace $name -}}
{{- end -}}
{{- end -}}

{{- define "meshsync.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "meshsync.labels" -}}
{{ include "meshsync.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "meshsync.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "meshsync.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "meshsync.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ include "meshsync.serviceAccount" . }}
    namespace: {{ .Release.Namespace }}
{{- end -}}

{{- /* A ClusterRole and its binding: a dict of root, suffix and rules. */ -}}
{{- define "meshsync.clusterRole" -}}
{{- $name := printf "%s%s" (include "meshsync.clusterName" .root) .suffix -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ $name }}
  labels:
    {{- include "meshsync.labels" .root | nindent 4 }}
rules:
  {{- .rules | trim | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "meshsync.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ $name }}
{{ include "meshsync.subjects" .root }}
{{- end -}}

{{- /* A Role and its binding in one namespace: a dict of root, suffix, namespace and rules. */ -}}
{{- define "meshsync.role" -}}
{{- $name := printf "%s%s" (include "meshsync.clusterName" .root) .suffix -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $name }}
  namespace: {{ .namespace }}
  labels:
    {{- include "meshsync.labels" .root | nindent 4 }}
rules:
  {{- .rules | trim | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $name }}
  namespace: {{ .namespace }}
  labels:
    {{- include "meshsync.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name }}
{{ include "meshsync.subjects" .root }}
{{- end -}}

{{- /* What can go wrong with values that fit the schema, said before anything is installed. */ -}}
{{- define "meshsync.check" -}}
{{- $broker := .Values.broker -}}
{{- if and $broker.urlSecret.name $broker.url -}}
{{- fail "broker.url and broker.urlSecret.name are both set: choose one" -}}
{{- end -}}
{{- if and $broker.tokenSecret.name (not (hasPrefix "nats://" $broker.url)) -}}
{{- fail "broker.tokenSecret.name is set: broker.url has to be nats://HOST:PORT, where the token is put in" -}}
{{- end -}}
{{- if and $broker.tokenSecret.name (contains "@" $broker.url) -}}
{{- fail "broker.url has a user or a token already: leave out broker.tokenSecret.name" -}}
{{- end -}}
{{- if and .Values.leaderElection.enabled (eq .Values.mode "meshery") -}}
{{- fail "leaderElection is of mode meshsync; the command line of the original knows none" -}}
{{- end -}}
{{- if and (or .Values.discovery.enabled .Values.events.enabled) (eq .Values.mode "meshery") -}}
{{- fail "discovery and events are of mode meshsync; the command line of the original knows neither" -}}
{{- end -}}
{{- if and .Values.config (eq .Values.mode "meshery") -}}
{{- fail "config is of mode meshsync; in mode meshery the MeshSync custom resource says what is observed" -}}
{{- end -}}
{{- end -}}
