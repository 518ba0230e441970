// Families of kinds: a colour each, so that a cluster has a face.
export type Family = "workload" | "network" | "config" | "storage" | "access" | "cluster" | "custom";

export const FAMILIES: Record<Family, string> = {
  workload: "Workloads",
  network: "Network",
  config: "Configuration",
  storage: "Storage",
  access: "Access",
  cluster: "Cluster",
  custom: "Custom resources",
};

const BY_KIND: Record<string, Family> = {
  ConfigMap: "config",
  Secret: "config",
  Service: "network",
  Endpoints: "network",
  Pod: "workload",
  PodTemplate: "workload",
  ReplicationController: "workload",
  ServiceAccount: "access",
  PersistentVolume: "storage",
  PersistentVolumeClaim: "storage",
};

const BY_GROUP: Record<string, Family> = {
  "": "cluster",
  apps: "workload",
  batch: "workload",
  autoscaling: "workload",
  policy: "config",
  "networking.k8s.io": "network",
  "discovery.k8s.io": "network",
  "gateway.networking.k8s.io": "network",
  "rbac.authorization.k8s.io": "access",
  "certificates.k8s.io": "access",
  "storage.k8s.io": "storage",
  "snapshot.storage.k8s.io": "storage",
  "apiextensions.k8s.io": "cluster",
  "apiregistration.k8s.io": "cluster",
  "admissionregistration.k8s.io": "cluster",
  "flowcontrol.apiserver.k8s.io": "cluster",
  "scheduling.k8s.io": "cluster",
  "node.k8s.io": "cluster",
  "coordination.k8s.io": "cluster",
  "resource.k8s.io": "cluster",
};

export function family(kind: string, resource: string): Family {
  const group = resource.includes(".") ? resource.slice(resource.indexOf(".") + 1) : "";
  return (group === "" ? BY_KIND[kind] : undefined) ?? BY_GROUP[group] ?? "custom";
}
