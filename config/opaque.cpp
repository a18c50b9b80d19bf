#include "config/opaque.hpp"

#include <algorithm>

#include "config/describe.hpp"

namespace outrigger::config {
namespace {

bool names_answers(const Matcher& on) {
  return !on.statuses.empty() || on.server_errors || on.grpc_codes != 0 || !on.headers.empty();
}

void forget_answers(Matcher& on) {
  Matcher tokens;
  tokens.tokens = on.tokens;
  on = tokens;
}

// What is about requests, answers and their fields.
struct OfHttp {
  std::string_view section;
  std::string_view key;         // within the section; empty: all of it
  bool (*asks)(const Policy&);  // for more than what is built in
  void (*switch_off)(Policy&);
};

constexpr auto kOfHttp = std::to_array<OfHttp>({
    {"deadline_header", "", [](const Policy& p) { return p.deadline_header.has_value(); },
     [](Policy& p) { p.deadline_header.reset(); }},
    {"retry", "on",
     [](const Policy& p) {
       return p.retry && p.retry->on != Retry{}.on && names_answers(p.retry->on);
     },
     [](Policy& p) {
       if (p.retry) forget_answers(p.retry->on);
     }},
    {"retry", "grpc", [](const Policy& p) { return p.retry && !p.retry->grpc.empty(); },
     [](Policy& p) {
       if (p.retry) p.retry->grpc.clear();
     }},
    {"retry", "hold_head", [](const Policy& p) { return p.retry && p.retry->hold_head_ms > 0; },
     [](Policy& p) {
       if (p.retry) p.retry->hold_head_ms = 0;
     }},
    {"limits", "body_bytes", [](const Policy& p) { return p.limits.body_bytes.has_value(); },
     [](Policy& p) { p.limits.body_bytes.reset(); }},
    {"fallback", "", [](const Policy& p) { return !p.fallback.empty(); },
     [](Policy& p) { p.fallback.clear(); }},
    {"cache", "", [](const Policy& p) { return p.cache.has_value(); },
     [](Policy& p) { p.cache.reset(); }},
    {"headers", "", [](const Policy& p) { return p.headers != Headers{}; },
     [](Policy& p) { p.headers = {}; }},
});

bool has_own_port(const Config& config, const ServiceConfig& service) {
  return std::any_of(config.listeners.begin(), config.listeners.end(),
                     [&](const auto& listener) { return listener.service == service.name; });
}

// What the service itself says, without `defaults`.
Node own_layers(const Document& document, const std::string& service) {
  const Node* services = document.root.find("services");
  const Node* written = services == nullptr ? nullptr : services->find(service);
  return document.overridden(written == nullptr ? Node{} : *written, service, "");
}

// By what is not read: of `defaults` it counts for the other services.
void drop_hash(Reader& reader, const Node& own, Policy& policy) {
  const bool is_read = policy.balance.rule == BalanceRule::kHash &&
                       policy.balance.key.kind != HashKey::Kind::kSource;
  if (!is_read) return;
  if (const Entry* written = own.entry("balance")) {
    reader.problem(written->mark, "\"protocol: " + std::string(to_string(policy.protocol)) +
                                      "\" has neither fields nor cookies; write {hash: source}");
  }
  policy.balance = Balance{};
}

}  // namespace

void drop_http(Reader& reader, ServiceConfig& service) {
  Policy& policy = service.policy;
  if (!is_opaque(policy.protocol)) return;
  const Node own = own_layers(reader.document(), service.name);
  const auto say = [&](const Entry& entry) {
    reader.problem(entry.mark, in_quotes(entry.key) + " means nothing to \"protocol: " +
                                   std::string(to_string(policy.protocol)) +
                                   "\", whose connections are not read");
  };
  for (const OfHttp& http : kOfHttp) {
    const Entry* section = own.entry(http.section);
    const Entry* key =
        section == nullptr || http.key.empty() ? section : section->value.entry(http.key);
    if (key != nullptr && http.asks(policy)) say(*key);
    http.switch_off(policy);
  }
  drop_hash(reader, own, policy);
  if (!service.routes.empty()) say(*own.entry("routes"));
}

void check_opaque(Reader& reader, const Config& config, const ServiceConfig& service) {
  if (service.policy.protocol != Protocol::kTls) return;
  const Node layers = reader.document().service_layers(service.name);
  if (service.policy.tls) {
    reader.problem(
        mark_of(layers, "tls"),
        "\"tls\" would encrypt once more what \"protocol: tls\" carries; write protocol: "
        "tcp, or tls: off");
  }
  if (service.hosts.empty() && service.addresses.empty() && !has_own_port(config, service)) {
    reader.problem(mark_of(layers, "protocol"),
                   "\"protocol: tls\" needs \"hosts\", \"addresses\" or a listener's \"service\"; "
                   "which connections are meant?");
  }
}

}  // namespace outrigger::config
