{{- define "multus.labels" -}}
tier: node
app: multus
name: multus
{{- end }}

{{- define "multus.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- /* Where the daemon sees the primary's directory. */}}
{{- define "multus.primaryMount" -}}
{{- if and .Values.paths.primaryConf (ne .Values.paths.primaryConf .Values.paths.cniConf) -}}
/host/primary/net.d
{{- else -}}
/host/etc/cni/net.d
{{- end -}}
{{- end }}

{{- define "multus.daemonConfig" -}}
{{- $config := dict
      "chrootDir" "/hostroot"
      "cniVersion" "0.3.1"
      "logLevel" "verbose"
      "logToStderr" true
      "cniConfigDir" "/host/etc/cni/net.d"
      "multusAutoconfigDir" (include "multus.primaryMount" .)
      "multusConfigFile" "auto"
      "socketDir" (printf "/host%s/" (trimSuffix "/" .Values.paths.run)) }}
{{- if ne (trimSuffix "/" .Values.paths.run) "/run/multus" }}
{{- $_ := set $config "daemonSocketDir" .Values.paths.run }}
{{- end }}
{{- if ne .Values.paths.cniBin "/opt/cni/bin" }}
{{- $_ := set $config "binDir" .Values.paths.cniBin }}
{{- end }}
{{- if ne .Values.paths.networks "/etc/cni/multus/net.d" }}
{{- $_ := set $config "confDir" .Values.paths.networks }}
{{- end }}
{{- toPrettyJson (mergeOverwrite $config .Values.daemonConfig) }}
{{- end }}

{{- /* Whether each node has a certificate of its own. */}}
{{- define "multus.certificates" -}}
{{- and (eq .Values.mode "thick") (dig "perNodeCertificate" "enabled" false .Values.daemonConfig) -}}
{{- end }}

{{- define "multus.pod" -}}
hostNetwork: true
serviceAccountName: multus
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
priorityClassName: {{ .Values.priorityClassName }}
terminationGracePeriodSeconds: 30
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "multus.installer" -}}
name: install-multus-binary
image: {{ include "multus.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
command: ["/usr/src/multus-cni/bin/install_multus"]
args: ["--type={{ .Values.mode }}", "--dest-dir=/host/opt/cni/bin"]
resources:
  {{- toYaml .Values.installer.resources | nindent 2 }}
securityContext:
  privileged: true
terminationMessagePolicy: FallbackToLogsOnError
volumeMounts:
  - name: cnibin
    mountPath: /host/opt/cni/bin
{{- end }}
