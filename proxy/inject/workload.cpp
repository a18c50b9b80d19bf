#include "proxy/inject/workload.hpp"

#include <algorithm>

#include "config/text.hpp"

namespace outrigger::inject {
namespace {

using config::Node;

std::string text_of(const Node& root, const Path& path) {
  const Node* node = find(root, path);
  return node != nullptr && node->is_scalar() ? node->text : std::string{};
}

// Others have kinds of these names too: a Job of Volcano has another template.
bool is_ours(std::string_view kind, std::string_view version) {
  if (kind == "Pod" || kind == "ReplicationController") return version == "v1";
  if (kind == "Job" || kind == "CronJob") return version.starts_with("batch/");
  return version.starts_with("apps/") || version.starts_with("extensions/");
}

Path pod_of(const Path& top, std::string_view kind) {
  if (kind == "Pod") return top;
  if (kind == "CronJob") return top / "spec" / "jobTemplate" / "spec" / "template";
  return top / "spec" / "template";
}

// Every object of a document: itself, or the items of a list.
std::vector<Path> objects_of(const Node& root) {
  if (text_of(root, Path{"kind"}) != "List") return {Path{}};
  std::vector<Path> objects;
  const Node* items = root.find("items");
  for (size_t i = 0; items != nullptr && i < items->items.size(); ++i) {
    objects.push_back(Path{"items", i});
  }
  return objects;
}

}  // namespace

std::vector<Workload> find_workloads(const Node& root) {
  std::vector<Workload> workloads;
  for (const Path& top : objects_of(root)) {
    const std::string kind = text_of(root, top / "kind");
    const bool known =
        std::find(kWorkloadKinds.begin(), kWorkloadKinds.end(), kind) != kWorkloadKinds.end();
    if (!known || !is_ours(kind, text_of(root, top / "apiVersion"))) continue;
    std::string name = text_of(root, top / "metadata" / "name");
    if (name.empty()) name = text_of(root, top / "metadata" / "generateName");
    workloads.push_back({config::to_lower(kind) + "/" + (name.empty() ? "?" : name), name,
                         text_of(root, top / "metadata" / "namespace"), top, pod_of(top, kind)});
  }
  return workloads;
}

const std::string* annotation(const Node& root, const Workload& workload, std::string_view key) {
  for (const Path& object : {workload.pod, workload.top}) {
    const Node* value = find(root, object / "metadata" / "annotations" / key);
    if (value != nullptr && value->is_scalar()) return &value->text;
  }
  return nullptr;
}

std::vector<Namespace> find_namespaces(const Node& root) {
  std::vector<Namespace> namespaces;
  for (const Path& top : objects_of(root)) {
    if (text_of(root, top / "kind") != "Namespace") continue;
    const Path labels = top / "metadata" / "labels";
    namespaces.push_back({text_of(root, top / "metadata" / "name"),
                          text_of(root, labels / "pod-security.kubernetes.io/enforce")});
  }
  return namespaces;
}

}  // namespace outrigger::inject
