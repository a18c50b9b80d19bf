// Printing: the effective configuration and the JSON Schema, both from the description of the keys.
#include "config/config.hpp"
#include "config/describe.hpp"
#include "config/key_path.hpp"
#include "config/write.hpp"

namespace outrigger::config {
namespace {

constexpr std::string_view kRedacted = "REDACTED";

bool looks_secret(std::string_view name) {
  constexpr auto kWords =
      std::to_array<std::string_view>({"authorization", "cookie", "token", "secret", "password",
                                       "api-key", "apikey", "credential"});
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) {
    return name.find(word) != std::string_view::npos;
  });
}

// Below a key that holds fields of a head.
void redact_fields(Node& value, std::string_view name, bool of_fields) {
  if (of_fields && value.is_scalar() && looks_secret(to_lower(name))) {
    value = Node::string(kRedacted);
  }
  const bool holds_fields = name == "set" || name == "add" || name == "headers";
  for (Entry& entry : value.entries) redact_fields(entry.value, entry.key, holds_fields);
  for (Node& item : value.items) redact_fields(item, name, false);
}

void redact(std::vector<HeaderValue>& values) {
  for (HeaderValue& value : values) {
    if (value.file.empty() && looks_secret(value.name)) value.value = kRedacted;
  }
}

void redact(Policy& policy) {
  for (HeaderEdits* edits : {&policy.headers.request, &policy.headers.response}) {
    redact(edits->set);
    redact(edits->add);
  }
  for (Fallback& step : policy.fallback) {
    if (auto* respond = std::get_if<FallbackRespond>(&step.action)) redact(respond->headers);
  }
}

void redact(Config& config) {
  redact(config.passthrough);
  for (ServiceConfig& service : config.services) {
    redact(service.policy);
    for (RouteConfig& route : service.routes) {
      redact(route.policy);
      for (RouteTarget& target : route.to) redact(target.policy);
    }
  }
}

}  // namespace

Node write_policy(Policy policy, Secrets secrets) {
  if (secrets == Secrets::kRedacted) redact(policy);
  WriteVisitor visitor;
  describe(visitor, policy);
  return visitor.take();
}

Node write_target(const Config& config, const Target& target, Secrets secrets) {
  const Policy* policy = policy_of(config, target);
  if (policy == nullptr) return {};
  Node written = write_policy(*policy, secrets);
  const RouteConfig* route = find_route(config, target);
  if (route != nullptr && !route->to.empty()) written.set("to", Targets{}.write(route->to));
  return written;
}

void redact_value(Node& value, std::string_view path) {
  std::string name;
  bool of_fields = false;
  while (!path.empty()) {
    of_fields = name == "set" || name == "add" || name == "headers";
    name = take_key(path);
  }
  redact_fields(value, name, of_fields);
}

Node write_config(Config config, Secrets secrets) {
  if (secrets == Secrets::kRedacted) redact(config);
  WriteVisitor visitor;
  describe(visitor, config);
  return visitor.take();
}

std::string effective(const Config& config) {
  return to_yaml(write_config(config, Secrets::kRedacted));
}

std::string schema() {
  Config built_in;
  SchemaVisitor visitor;
  describe(visitor, built_in);
  Node object = visitor.take();
  Node free = Node::map();
  free.set("^x-", Node::map());
  Node definitions = Node::map();
  definitions.set("endpoints", Source::definition());
  Node root = Node::map();
  root.set("$schema", Node::string("https://json-schema.org/draft/2020-12/schema"));
  root.set("title", Node::string("Outrigger"));
  for (Entry& entry : object.entries) root.set(entry.key, std::move(entry.value));
  root.set("patternProperties", std::move(free));
  root.set("$defs", std::move(definitions));
  return to_json(root, true) + "\n";
}

uint64_t fingerprint(const Config& config) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : to_yaml(write_config(config, Secrets::kShown))) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return hash;
}

}  // namespace outrigger::config
