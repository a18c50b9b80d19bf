#include "proxy/inject/policy.hpp"

#include <array>
#include <utility>
#include <vector>

#include "config/manifest.hpp"
#include "proxy/inject/cel.hpp"
#include "proxy/inject/check.hpp"
#include "proxy/inject/nodes.hpp"
#include "proxy/inject/pod_template.hpp"

namespace outrigger::inject {
namespace {

using config::Node;

constexpr std::string_view kName = "outrigger";
constexpr std::string_view kLabel = "outrigger.dev/inject";
constexpr auto kHoles = std::to_array<CelHole>({
    {"Object.spec.initContainers.image", "variables.image"},
    {"Object.spec.initContainers.resources", "variables.resources"},
    {"Object.spec.volumes.configMap.name", "variables.configMap"},
});
constexpr auto kLists = std::to_array<std::string_view>({"containers", "initContainers"});

// Long ones as a block of their own, without quotes to escape.
Node named(std::string_view name, std::string expression) {
  constexpr size_t kShort = 70;
  if (expression.size() > kShort) expression += '\n';
  return map({{"name", text(name)}, {"expression", text(expression)}});
}

// `condition` of every container `c`, of both lists.
std::string all_containers(const std::string& condition) {
  return "object.spec.containers.all(c, " + condition +
         ") &&\n(!has(object.spec.initContainers) || object.spec.initContainers.all(c, " +
         condition + "))";
}

std::string is_other_user(const std::string& of) {
  const std::string context = of + ".securityContext";
  return "!has(" + context + ") || !has(" + context + ".runAsUser) || " + context +
         ".runAsUser != " + std::to_string(kUser);
}

// No container's port, and no probe of it, is one of ours.
std::string asks_other_ports(const Facts& facts) {
  std::vector<std::string> numbers;
  for (const int port : facts.ports) numbers.push_back(std::to_string(port));
  const std::string ours = cel_list(numbers);
  std::string out = "(!has(c.ports) || c.ports.all(p, !(p.containerPort in " + ours + ")))";
  for (const char* probe : {"startupProbe", "livenessProbe", "readinessProbe"}) {
    for (const char* way : {"httpGet", "tcpSocket", "grpc"}) {
      const std::string place = concat({"c.", probe, ".", way});
      out += concat({" &&\n  (!has(c.", probe, ") || !has(", place, ") || !(", place, ".port in ",
                     ours, "))"});
    }
  }
  return out;
}

// An annotation of ours, or what is said for all. Absent annotations are an empty map.
std::string annotated(std::string_view key, const std::string& otherwise) {
  const std::string name = cel_string(std::string(kPrefix) + std::string(key));
  return "variables.annotations[?" + name + "].orValue(" + otherwise + ")";
}

// The annotations are those that `inject` knows, and none wants another mode than this policy's.
std::string annotations_agree(const Settings& settings) {
  const auto said = [](std::string_view key, std::string_view value) {
    return "(a != " + cel_string(std::string(kPrefix) + std::string(key)) +
           " || object.metadata.annotations[a] == " + cel_string(value) + ")";
  };
  std::vector<std::string> known;
  for (const char* key : {"mode", "config-map", "image", "cpu", "memory", "cpu-limit",
                          "memory-limit", "registry-token"}) {
    known.push_back(cel_string(std::string(kPrefix) + key));
  }
  return "!has(object.metadata.annotations) || object.metadata.annotations.all(a,\n  "
         "(!a.startsWith(" +
         cel_string(kPrefix) + ") || a in " + cel_list(known) + ") &&\n  " +
         said("mode", to_string(settings.mode)) + " &&\n  " +
         said("registry-token", settings.registry_token ? "true" : "false") + ")";
}

Node conditions(const Settings& settings) {
  std::vector<Node> all;
  const std::string ours = "[" + cel_string(kSidecar) + ", " + cel_string(kInit) + "]";
  all.push_back(named("has-no-sidecar", all_containers("!(c.name in " + ours + ")")));
  all.push_back(named("has-its-volumes-free",
                      "!has(object.spec.volumes) || object.spec.volumes.all(v, !(v.name in [" +
                          cel_string(kConfigVolume) + ", " + cel_string(kTokenVolume) + "]))"));
  all.push_back(named("is-not-of-the-host-network",
                      "!has(object.spec.hostNetwork) || !object.spec.hostNetwork"));
  all.push_back(named("is-not-of-windows",
                      "(!has(object.spec.os) || object.spec.os.name != \"windows\") &&\n"
                      "(!has(object.spec.nodeSelector) ||\n  object.spec.nodeSelector"
                      "[?\"kubernetes.io/os\"].orValue(\"\") != \"windows\")"));
  all.push_back(named("has-its-ports-free", all_containers(asks_other_ports(settings.facts))));
  all.push_back(named("has-annotations-that-agree", annotations_agree(settings)));
  if (settings.mode == Mode::kRedirect) {
    all.push_back(named("is-another-user", "(" + is_other_user("object.spec") + ") &&\n" +
                                               all_containers(is_other_user("c"))));
  }
  if (settings.mode == Mode::kProxy) {
    all.push_back(named("has-no-proxy-of-its-own",
                        all_containers("!has(c.env) || c.env.all(e, !(e.name in [\"HTTP_PROXY\", "
                                       "\"http_proxy\", \"NO_PROXY\"]))")));
  }
  if (settings.knows_config) {
    const int64_t needed_s = (settings.facts.grace_ms + 999) / 1'000 + 5;
    all.push_back(named("ends-late-enough",
                        "!has(object.spec.terminationGracePeriodSeconds) ||\n"
                        "object.spec.terminationGracePeriodSeconds >= " +
                            std::to_string(needed_s)));
  }
  return list(std::move(all));
}

// Whether the pod is of the class Guaranteed without us: by then requests have their defaults.
std::string guaranteed() {
  std::string has_limits = "has(c.resources) && has(c.resources.limits)";
  for (const char* key : {"cpu", "memory"}) {
    const std::string name = cel_string(key);
    has_limits +=
        concat({" && ", name, " in c.resources.limits &&\n", "  (!has(c.resources.requests) || !(",
                name, " in c.resources.requests) || c.resources.requests[", name,
                "] == c.resources.limits[", name, "])"});
  }
  return all_containers(has_limits);
}

Node variables(const Settings& settings) {
  const Resources& wanted = settings.resources;
  const std::string type = "Object.spec.initContainers.resources";
  const std::string limit = cel_string(wanted.memory_limit);
  const std::string larger = "quantity(variables.memory).isGreaterThan(quantity(" + limit +
                             ")) ? variables.memory : " + limit;
  const std::string key = cel_string(std::string(kPrefix) + "cpu-limit");
  const std::string cpu = annotated("cpu", cel_string(wanted.cpu));
  const std::string full_cpu = wanted.cpu_limit.empty() ? "100m" : wanted.cpu_limit;
  const std::string memory_alone = "{\"memory\": variables.memoryLimit}";
  const std::string both = "{\"cpu\": " + annotated("cpu-limit", cel_string(wanted.cpu_limit)) +
                           ", \"memory\": variables.memoryLimit}";
  std::vector<Node> all;
  all.push_back(
      named("annotations", "has(object.metadata.annotations) ? object.metadata.annotations : {}"));
  all.push_back(named("image", annotated("image", cel_string(settings.image))));
  all.push_back(named("configMap", annotated("config-map", cel_string(settings.config_map))));
  all.push_back(named("guaranteed", guaranteed()));
  all.push_back(named("memory", annotated("memory", cel_string(wanted.memory))));
  all.push_back(named("memoryLimit", annotated("memory-limit", larger)));
  all.push_back(
      named("full", "{\"cpu\": " + annotated("cpu-limit", annotated("cpu", cel_string(full_cpu))) +
                        ",\n \"memory\": variables.memoryLimit}"));
  all.push_back(named("limits", wanted.cpu_limit.empty() ? key + " in variables.annotations ?\n  " +
                                                               both + " :\n  " + memory_alone
                                                         : both));
  all.push_back(
      named("resources", "variables.guaranteed ?\n  " + type +
                             "{requests: variables.full, limits: variables.full} :\n  " + type +
                             "{\n    requests: {\"cpu\": " + cpu +
                             ", \"memory\": variables.memory},\n    limits: variables.limits}"));
  return list(std::move(all));
}

std::string patch(const std::string& path, const std::string& value) {
  return "JSONPatch{op: \"add\", path: " + path + ", value: " + value + "}";
}

// A list or map is made where there is none.
std::string ensured(const std::string& field, const std::string& path, const char* empty) {
  return "(has(object." + field + ") ? [] : [" + patch(cel_string(path), empty) + "])";
}

// Items to the front, the last one first.
void append_front(std::vector<std::string>& parts, const std::vector<Node>& items,
                  const std::string& name) {
  const std::string type = "Object.spec." + name;
  parts.push_back(ensured("spec." + name, "/spec/" + name, "[]"));
  for (auto item = items.rbegin(); item != items.rend(); ++item) {
    parts.push_back("[" + patch(cel_string("/spec/" + name + "/0"), cel(*item, type, kHoles)) +
                    "]");
  }
}

// CEL knows no places of what it maps, so they are listed; no pod has more containers than that.
void append_environment(std::vector<std::string>& parts, const std::vector<Node>& variables) {
  constexpr int kMostContainers = 32;
  std::vector<std::string> places;
  places.reserve(kMostContainers);
  for (int i = 0; i < kMostContainers; ++i) places.push_back(std::to_string(i));
  for (const std::string_view name : kLists) {
    const std::string field = concat({"object.spec.", name});
    const std::string all =
        concat({cel_list(places), ".filter(i, has(", field, ") && i < size(", field, "))"});
    const std::string path = concat({"\"/spec/", name, "/\" + string(i) + \"/env"});
    parts.push_back(concat(
        {all, ".filter(i, !has(", field, "[i].env)).map(i, ", patch(path + "\"", "[]"), ")"}));
    for (auto variable = variables.rbegin(); variable != variables.rend(); ++variable) {
      const std::string type = concat({"Object.spec.", name, ".env"});
      parts.push_back(
          concat({all, ".map(i, ", patch(path + "/0\"", cel(*variable, type, {})), ")"}));
    }
  }
}

std::string mutation(const Settings& settings) {
  const PodTemplate wanted = pod_template(settings);
  std::vector<std::string> parts;
  if (!wanted.environment.empty()) append_environment(parts, wanted.environment);
  append_front(parts, wanted.init_containers, "initContainers");
  append_front(parts, wanted.volumes, "volumes");
  parts.push_back(ensured("metadata.annotations", "/metadata/annotations", "{}"));
  for (const config::Entry& entry : wanted.annotations) {
    std::string key = entry.key;
    key.replace(key.find('/'), 1, "~1");
    parts.push_back(
        "[" + patch(cel_string("/metadata/annotations/" + key), cel_string(entry.value.text)) +
        "]");
  }
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : " +\n") + part;
  return out + "\n";
}

Node object(std::string_view version, std::string_view kind, Node spec) {
  return map({{"apiVersion", text("admissionregistration.k8s.io/" + std::string(version))},
              {"kind", text(kind)},
              {"metadata", map({{"name", text(kName)}})},
              {"spec", std::move(spec)}});
}

}  // namespace

Result<std::string> policy(std::string_view version, const Options& options) {
  Workload any;
  any.plain_name = "any";
  Options common = options;
  if (common.config_map.empty()) common.config_map = kName;
  const Settings settings = *settings_of(Node::map(), any, common);
  const auto reasons = why_impossible(settings);
  if (!reasons.empty()) return failure(reasons.front());

  const Node rule = map({{"apiGroups", list({text("")})},
                         {"apiVersions", list({text("v1")})},
                         {"operations", list({text("CREATE")})},
                         {"resources", list({text("pods")})}});
  const Node labelled = map({{"matchLabels", map({{kLabel, text("enabled")}})}});
  const Node mutations =
      list({map({{"patchType", text("JSONPatch")},
                 {"jsonPatch", map({{"expression", text(mutation(settings))}})}})});
  const Node spec = map(
      {{"matchConstraints", map({{"resourceRules", list({rule})}, {"objectSelector", labelled}})},
       {"matchConditions", conditions(settings)},
       {"failurePolicy", text("Fail")},
       {"reinvocationPolicy", text("IfNeeded")},
       {"variables", variables(settings)},
       {"mutations", mutations}});
  const Node binding = map({{"policyName", text(kName)}});
  return config::manifest_yaml(object(version, "MutatingAdmissionPolicy", spec)) + "---\n" +
         config::manifest_yaml(object(version, "MutatingAdmissionPolicyBinding", binding));
}

}  // namespace outrigger::inject
