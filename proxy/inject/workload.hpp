// What makes pods: the workloads of a document, and where their pod template stands. Pure functions
// on a parsed document, of which the results are a view.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/inject/path.hpp"

namespace outrigger::inject {

// With the lists that may hold them.
inline constexpr std::array<std::string_view, 9> kWorkloadKinds = {
    "Pod", "Deployment", "StatefulSet",           "DaemonSet", "ReplicaSet",
    "Job", "CronJob",    "ReplicationController", "List"};

struct Workload {
  std::string name;        // `deployment/orders`
  std::string plain_name;  // `orders`; of a generated name what is fixed of it
  std::string name_space;  // empty: that of whoever applies it
  Path top;                // of the object
  Path pod;                // of what holds the pod's `metadata` and `spec`
};

// Those that the document holds, in order.
std::vector<Workload> find_workloads(const config::Node& root);

// An annotation of the pod template, else of the workload. Null: neither has it.
const std::string* annotation(const config::Node& root, const Workload& workload,
                              std::string_view key);

// What a namespace lets its pods be.
struct Namespace {
  std::string name;
  std::string enforced;  // `restricted`, `baseline`; empty: nothing
};
std::vector<Namespace> find_namespaces(const config::Node& root);

}  // namespace outrigger::inject
