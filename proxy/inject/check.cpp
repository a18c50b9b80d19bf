#include "proxy/inject/check.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "proxy/inject/cel.hpp"
#include "proxy/inject/pod_template.hpp"

namespace outrigger::inject {
namespace {

using config::Node;
using Reasons = std::vector<std::string>;

constexpr auto kContainerLists =
    std::to_array<std::string_view>({"initContainers", "containers", "ephemeralContainers"});

std::string text_of(const Node& node, const Path& path) {
  const Node* found = find(node, path);
  return found != nullptr && found->is_scalar() ? found->text : std::string{};
}

int64_t number_of(const std::string& text, int64_t other) {
  int64_t number = other;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

template <class Act>
void for_each_item(const Node& node, const Path& path, Act act) {
  const Node* items = find(node, path);
  if (items == nullptr) return;
  for (const Node& item : items->items) act(item, text_of(item, Path{"name"}));
}

template <class Act>
void for_each_container(const Node& spec, Act act) {
  for (const std::string_view list : kContainerLists) {
    for_each_item(spec, Path{} / list, act);
  }
}

void check_names(const Node& spec, Reasons& reasons) {
  for_each_container(spec, [&](const Node&, const std::string& name) {
    if (name != kSidecar && name != kInit) return;
    reasons.push_back("a container named " + name + " is there that inject did not write");
  });
  for_each_item(spec, Path{"volumes"}, [&](const Node&, const std::string& name) {
    if (name != kConfigVolume && name != kTokenVolume) return;
    reasons.push_back("a volume named " + name + " is there that inject did not write");
  });
}

// The kernel knows the sidecar's calls by their user, and lets them pass.
void check_user(const Node& spec, const Settings& settings, Reasons& reasons) {
  if (settings.mode != Mode::kRedirect) return;
  const std::string user = std::to_string(kUser);
  const std::string why = "runAsUser " + user + " is the sidecar's: its calls would bypass it";
  const Path run_as{"securityContext", "runAsUser"};
  if (text_of(spec, run_as) == user) reasons.push_back(why);
  for_each_container(spec, [&](const Node& container, const std::string& name) {
    if (text_of(container, run_as) == user) reasons.push_back("container " + name + ": " + why);
  });
}

// One network namespace: two cannot listen on a port, and a probe would meet the sidecar.
void check_ports(const Node& spec, const Settings& settings, Reasons& reasons) {
  const auto is_ours = [&](const std::string& port) {
    const std::vector<int>& ports = settings.facts.ports;
    return std::find(ports.begin(), ports.end(), number_of(port, -1)) != ports.end();
  };
  for_each_container(spec, [&](const Node& container, const std::string& name) {
    for_each_item(container, Path{"ports"}, [&](const Node& port, const std::string&) {
      const std::string number = text_of(port, Path{"containerPort"});
      if (!is_ours(number)) return;
      reasons.push_back("container " + name + ": port " + number + " is the sidecar's");
    });
    for (const char* probe : {"startupProbe", "livenessProbe", "readinessProbe"}) {
      for (const char* way : {"httpGet", "tcpSocket", "grpc"}) {
        const std::string number = text_of(container, Path{probe, way, "port"});
        if (!is_ours(number)) continue;
        reasons.push_back(concat({"container ", name, ": its ", probe, " would ask port ", number,
                                  ", which is the sidecar's"}));
      }
    }
  });
}

void check_variables(const Node& spec, const Settings& settings, Reasons& reasons) {
  if (settings.mode != Mode::kProxy) return;
  for_each_container(spec, [&](const Node& container, const std::string& name) {
    for_each_item(container, Path{"env"}, [&](const Node&, const std::string& variable) {
      if (variable != "HTTP_PROXY" && variable != "http_proxy" && variable != "NO_PROXY") return;
      reasons.push_back("container " + name + " has a " + variable + " of its own");
    });
  });
}

void check_grace(const Node& spec, const Settings& settings, Reasons& reasons) {
  if (!settings.knows_config) return;
  constexpr int64_t kDefaultGrace_s = 30;
  constexpr int64_t kEnd_s = 5;  // of the process, after its last call
  const int64_t pod_s =
      number_of(text_of(spec, Path{"terminationGracePeriodSeconds"}), kDefaultGrace_s);
  const int64_t needed_s = (settings.facts.grace_ms + 999) / 1'000 + kEnd_s;
  if (pod_s >= needed_s) return;
  reasons.push_back("terminationGracePeriodSeconds " + std::to_string(pod_s) +
                    " is less than drain.grace and 5 s, " + std::to_string(needed_s) +
                    ": calls would be cut off");
}

void check_namespace(const Workload& workload, const Settings& settings,
                     const std::vector<Namespace>& namespaces, Reasons& reasons) {
  if (settings.mode != Mode::kRedirect || workload.name_space.empty()) return;
  for (const Namespace& known : namespaces) {
    const bool strict = known.enforced == "restricted" || known.enforced == "baseline";
    if (known.name != workload.name_space || !strict) continue;
    reasons.push_back("namespace " + known.name + " enforces " + known.enforced +
                      ", which forbids NET_ADMIN; take mode proxy or ports");
  }
}

}  // namespace

std::string why_skipped(const Node& root, const Workload& workload) {
  constexpr std::string_view kLabel = "outrigger.dev/inject";
  for (const Path& object : {workload.pod, workload.top}) {
    if (text_of(root, object / "metadata" / "labels" / kLabel) == "disabled") {
      return std::string(kLabel) + ": disabled";
    }
  }
  const Path spec = workload.pod / "spec";
  if (text_of(root, spec / "hostNetwork") == "true") {
    return "hostNetwork: its calls are the node's";
  }
  if (text_of(root, spec / "os" / "name") == "windows" ||
      text_of(root, spec / "nodeSelector" / "kubernetes.io/os") == "windows") {
    return "it runs on Windows";
  }
  return {};
}

Reasons why_impossible(const Settings& settings) {
  const Facts& facts = settings.facts;
  Reasons reasons;
  if (facts.metrics.empty()) {
    reasons.push_back("metrics are off in the configuration: nothing could be probed");
  }
  if (settings.mode == Mode::kProxy && facts.proxy.empty()) {
    reasons.push_back("no listener of the configuration takes calls as a proxy");
  }
  if (settings.mode != Mode::kRedirect) return reasons;
  if (settings.openshift) {
    reasons.push_back("OpenShift chooses the user of the sidecar; take mode proxy or ports");
  }
  if (!facts.not_redirected.empty()) reasons.push_back(facts.not_redirected);
  if (facts.user != kUser) {
    reasons.push_back("intercept.user is " + std::to_string(facts.user) + ", the sidecar runs as " +
                      std::to_string(kUser) + ": its own calls would come back to it");
  }
  return reasons;
}

Reasons why_refused(const Node& root, const Workload& workload, const Settings& settings,
                    const std::vector<Namespace>& namespaces) {
  const Node* spec = find(root, workload.pod / "spec");
  if (spec == nullptr || !spec->is_map() || find(*spec, Path{"containers", size_t{0}}) == nullptr) {
    return {"its pod template has no containers"};
  }
  Reasons reasons = why_impossible(settings);
  check_names(*spec, reasons);
  check_user(*spec, settings, reasons);
  check_ports(*spec, settings, reasons);
  check_variables(*spec, settings, reasons);
  check_grace(*spec, settings, reasons);
  check_namespace(workload, settings, namespaces, reasons);
  return reasons;
}

}  // namespace outrigger::inject
