#!/usr/bin/env bash
# Runs a command of `worker` in the cluster, with the image and the settings of the workers, also while none of them runs: to take migrations back, to
# reshard. Needs kubectl and jq. There is no terminal to answer at: `broadcast` wants --yes.
#
#   deploy/kubernetes/worker.sh migrate down --steps 1
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: $0 COMMAND…, such as: $0 migrate status" >&2; exit 2; }

kube() { kubectl --namespace gmbot "$@"; }
name=worker-command-$(date +%s)

# Its pod has the label of the workers, so that the network policies let it reach the same servers.
kube get deployment worker --output json |
    jq --arg name "$name" '
        .spec.template as $pod | {
            apiVersion: "batch/v1", kind: "Job", metadata: { name: $name },
            spec: {
                backoffLimit: 0, ttlSecondsAfterFinished: 3600,
                template: ($pod
                    | .spec.restartPolicy = "Never"
                    | del(.spec.topologySpreadConstraints)
                    | .spec.containers[0].args = $ARGS.positional
                    | del(.spec.containers[0].livenessProbe, .spec.containers[0].readinessProbe))
            }
        }' --args -- "$@" |
    kube create --filename -

# Until the container is there it has no log.
for _ in $(seq 120); do
    kube logs --follow "job/$name" 2>/dev/null && break
    sleep 1
done
kube wait --for=condition=complete --timeout=30s "job/$name" >/dev/null || { echo "it failed: kubectl --namespace gmbot describe job $name" >&2; exit 1; }
