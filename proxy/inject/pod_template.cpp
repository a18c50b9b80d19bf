#include "proxy/inject/pod_template.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>
#include <utility>

#include "proxy/inject/nodes.hpp"

namespace outrigger::inject {
namespace {

using config::Node;

constexpr std::string_view kConfigFolder = "/etc/outrigger/config";
constexpr std::string_view kPodDefaults = "/etc/outrigger/pod.yaml";  // in the image
constexpr std::string_view kAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";
constexpr auto kProxyVariables =
    std::to_array<std::string_view>({"HTTP_PROXY", "http_proxy", "NO_PROXY"});

Node flag(bool value) { return Node::scalar(value ? "true" : "false"); }

Node words(std::initializer_list<std::string_view> values) {
  Node node = Node::list();
  for (const std::string_view value : values) node.items.push_back(text(value));
  return node;
}

Node resources(const Resources& wanted) {
  Node limits = Node::map();
  if (!wanted.cpu_limit.empty()) limits.set("cpu", text(wanted.cpu_limit));
  limits.set("memory", text(wanted.memory_limit));
  return map({{"requests", map({{"cpu", text(wanted.cpu)}, {"memory", text(wanted.memory)}})},
              {"limits", std::move(limits)}});
}

Node security(Node capabilities, int user, bool platform_chooses) {
  Node context = map({{"allowPrivilegeEscalation", flag(false)},
                      {"capabilities", std::move(capabilities)},
                      {"readOnlyRootFilesystem", flag(true)},
                      {"runAsNonRoot", flag(user != 0)}});
  if (!platform_chooses) {
    context.set("runAsUser", Node::number(user));
    context.set("runAsGroup", Node::number(user));
  }
  context.set("seccompProfile", map({{"type", text("RuntimeDefault")}}));
  return context;
}

Node config_mount() {
  return map({{"name", text(kConfigVolume)},
              {"mountPath", text(kConfigFolder)},
              {"readOnly", flag(true)}});
}

Node probe(std::string_view what, const Facts& facts, int period_s, int64_t failures) {
  Node command = words({"outrigger", "probe", what});
  if (facts.metrics != Facts{}.metrics) {
    command.items.push_back(text("--address"));
    command.items.push_back(text(facts.metrics));
  }
  return map({{"exec", map({{"command", std::move(command)}})},
              {"periodSeconds", Node::number(period_s)},
              {"timeoutSeconds", Node::number(2)},
              {"failureThreshold", Node::number(failures)}});
}

Node init_container(const Settings& settings) {
  Node capabilities = map({{"add", words({"NET_ADMIN"})}, {"drop", words({"ALL"})}});
  return map({{"name", text(kInit)},
              {"image", text(settings.image)},
              {"args", words({"intercept", "install", "-c", kPodDefaults, "-c", kConfigFolder})},
              {"resources", resources(settings.resources)},
              {"securityContext", security(std::move(capabilities), 0, false)},
              {"volumeMounts", list({config_mount()})}});
}

// The startup probe holds the pod's other containers back for as long as the sidecar waits for its
// registries, and somewhat more; a sidecar that is not up by then is started again.
Node sidecar(const Settings& settings) {
  constexpr int64_t kLongestStart_s = 60;
  const Facts& facts = settings.facts;
  const int64_t start_s = std::max(kLongestStart_s, facts.startup_ms / 1'000 + 30);
  const size_t colon = facts.metrics.rfind(':');
  const Node port = Node::scalar(facts.metrics.substr(colon + 1));
  std::vector<Node> mounts{config_mount()};
  if (settings.registry_token) {
    mounts.push_back(map({{"name", text(kTokenVolume)},
                          {"mountPath", text(kAccountFolder)},
                          {"readOnly", flag(true)}}));
  }
  return map(
      {{"name", text(kSidecar)},
       {"image", text(settings.image)},
       {"args", words({"run", "-c", kPodDefaults, "-c", kConfigFolder})},
       {"restartPolicy", text("Always")},
       {"ports", list({map({{"name", text("outrigger")}, {"containerPort", port}})})},
       {"startupProbe", probe("startup", facts, 1, start_s)},
       {"readinessProbe", probe("ready", facts, 5, 3)},
       {"resources", resources(settings.resources)},
       {"securityContext", security(map({{"drop", words({"ALL"})}}), kUser, settings.openshift)},
       {"volumeMounts", list(std::move(mounts))}});
}

// What the service account of the pod may do, for the sidecar alone: also where the pod has
// `automountServiceAccountToken: false`.
Node token_volume() {
  const Node token = map({{"path", text("token")}, {"expirationSeconds", Node::number(3'607)}});
  const Node authority =
      map({{"name", text("kube-root-ca.crt")},
           {"items", list({map({{"key", text("ca.crt")}, {"path", text("ca.crt")}})})}});
  const Node field = map({{"fieldPath", text("metadata.namespace")}});
  const Node own =
      map({{"items", list({map({{"path", text("namespace")}, {"fieldRef", field}})})}});
  const Node sources = list({map({{"serviceAccountToken", token}}), map({{"configMap", authority}}),
                             map({{"downwardAPI", own}})});
  return map({{"name", text(kTokenVolume)}, {"projected", map({{"sources", sources}})}});
}

Node variable(std::string_view name, std::string_view value) {
  return map({{"name", text(name)}, {"value", text(value)}});
}

std::string name_of(const Node& item) {
  const Node* name = item.find("name");
  return name != nullptr ? name->text : std::string{};
}

bool is_proxy_variables(const std::vector<Node>& variables, size_t first) {
  for (size_t i = 0; i < kProxyVariables.size(); ++i) {
    if (first + i >= variables.size() || name_of(variables[first + i]) != kProxyVariables[i]) {
      return false;
    }
  }
  const Node* value = variables[first].find("value");
  return value != nullptr && value->text.starts_with("http://127.0.0.1:");
}

void find_named(const Node& root, const Path& path, std::initializer_list<std::string_view> names,
                std::vector<Path>& found) {
  const Node* items = find(root, path);
  for (size_t i = 0; items != nullptr && i < items->items.size(); ++i) {
    const std::string name = name_of(items->items[i]);
    if (std::find(names.begin(), names.end(), name) != names.end()) found.push_back(path / i);
  }
}

void find_variables(const Node& root, const Path& containers, std::vector<Path>& found) {
  const Node* items = find(root, containers);
  for (size_t i = 0; items != nullptr && i < items->items.size(); ++i) {
    const Node* variables = items->items[i].find("env");
    for (size_t v = 0; variables != nullptr && v < variables->items.size(); ++v) {
      if (!is_proxy_variables(variables->items, v)) continue;
      for (size_t k = 0; k < kProxyVariables.size(); ++k) {
        found.push_back(containers / i / "env" / (v + k));
      }
      break;
    }
  }
}

}  // namespace

PodTemplate pod_template(const Settings& settings) {
  PodTemplate wanted;
  if (settings.mode == Mode::kRedirect) wanted.init_containers.push_back(init_container(settings));
  wanted.init_containers.push_back(sidecar(settings));
  wanted.volumes.push_back(map(
      {{"name", text(kConfigVolume)}, {"configMap", map({{"name", text(settings.config_map)}})}}));
  if (settings.registry_token) wanted.volumes.push_back(token_volume());
  if (settings.mode == Mode::kProxy) {
    const std::string& proxy = settings.facts.proxy;
    wanted.environment = {variable(kProxyVariables[0], proxy), variable(kProxyVariables[1], proxy),
                          variable(kProxyVariables[2], "localhost,127.0.0.1,::1")};
  }
  wanted.annotations.push_back({std::string(kInjected), {}, text(to_string(settings.mode))});
  return wanted;
}

std::vector<Addition> additions(const Node& root, const Path& pod, const PodTemplate& wanted) {
  std::vector<Addition> all;
  all.push_back({pod / "spec" / "initContainers", list(wanted.init_containers)});
  all.push_back({pod / "spec" / "volumes", list(wanted.volumes)});
  for (const std::string_view kind : {"initContainers", "containers"}) {
    const Path containers = pod / "spec" / kind;
    const Node* items = find(root, containers);
    if (items == nullptr || wanted.environment.empty()) continue;
    for (size_t i = 0; i < items->items.size(); ++i) {
      all.push_back({containers / i / "env", list(wanted.environment)});
    }
  }
  Node annotations = Node::map();
  annotations.entries = wanted.annotations;
  all.push_back({pod / "metadata" / "annotations", std::move(annotations)});
  const auto emptied = emptied_by(root, pod, all);
  if (!emptied.empty()) all.back().content.set(kEmptied, text(to_string(emptied)));
  // Places in lists that grow at the front: from the innermost to the outermost.
  std::stable_sort(all.begin(), all.end(), [](const Addition& a, const Addition& b) {
    return a.parent.size() > b.parent.size();
  });
  return all;
}

bool is_injected(const Node& root, const Path& pod) {
  return find(root, pod / "metadata" / "annotations" / kInjected) != nullptr;
}

std::vector<Cut> removal(const Node& root, const Path& pod) {
  const Path annotations = pod / "metadata" / "annotations";
  if (!is_injected(root, pod)) return {};
  std::vector<Path> ours{annotations / kInjected};
  std::vector<Emptied> emptied;
  if (const Node* record = find(root, annotations / kEmptied)) {
    ours.push_back(annotations / kEmptied);
    emptied = parse_emptied(record->text);
  }
  const Path spec = pod / "spec";
  find_named(root, spec / "initContainers", {kInit, kSidecar}, ours);
  find_named(root, spec / "volumes", {kConfigVolume, kTokenVolume}, ours);
  for (const std::string_view kind : {"initContainers", "containers"}) {
    find_variables(root, spec / kind, ours);
  }
  return cuts_of(root, pod, std::move(ours), emptied);
}

}  // namespace outrigger::inject
